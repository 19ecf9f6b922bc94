/**
 * RabbitMQ messaging patterns for TypeScript programs. Each pattern takes a session and a config; configs are zod schemas that
 * hold every default and limit: `ConsumeConfig.parse({ queue: 'orders' })`.
 */
export type { Session } from './amqp/connection/session.ts';
export { type Handlers, type ProgramHandlerConfig, programHandler } from './handlers/per-message.ts';
export { type StreamHandlerConfig, streamHandler } from './handlers/stream.ts';
export { type Death, type DeathHistory, deathHistory } from './model/dead-letter/death.ts';
export type { ConsumeCounts, Emit, Event, PublishCounts, Role, WorkCounts } from './model/event.ts';
export { Failure, type FailureKind } from './model/failure.ts';
export { type Envelope, formatEnvelope, parseEnvelope } from './model/message/envelope.ts';
export { plainHeaders } from './model/message/field-json.ts';
export type { Body, Delivery, FieldTable, FieldType, FieldValue, Message, Properties, TypedField } from './model/message/message.ts';
export { type RpcAnswer, RpcError, type RpcReply } from './model/rpc.ts';
export { matchTopic } from './model/topic-match.ts';
export type { Handler, HandlerContext, Judgement, Settlement, Verdict } from './model/verdict.ts';
export { DEFAULT_EXIT_TABLE, type ExitTable, parseExitTable } from './model/verdict.ts';
export { ConnectionConfig, openSession, withSession } from './patterns/connection.ts';
export { ConsumeConfig } from './patterns/consume/config.ts';
export { consume } from './patterns/consume/consume.ts';
export type { ConsumeHandler } from './patterns/consume/limits.ts';
export { InspectConfig, type Inspected, inspect as inspectDeadLetters } from './patterns/dlx/inspect.ts';
export type { Destination } from './patterns/dlx/replay/destinations.ts';
export {
  MoveConfig,
  move as moveMessages,
  ReplayConfig,
  type Replayed,
  replay as replayDeadLetters,
  type TransferOptions,
} from './patterns/dlx/replay/replay.ts';
export { DlxSetupConfig } from './patterns/dlx/setup/config.ts';
export { type SetUp, setupDeadLetters } from './patterns/dlx/setup/setup.ts';
export { managementApi } from './patterns/management.ts';
export { type OpenPublisher, OpenPublisherConfig, openPublisher, type PublishOptions } from './patterns/publish/open-publisher.ts';
export type { Outgoing } from './patterns/publish/outgoing.ts';
export { type Batches, publishMessages } from './patterns/publish/publish-messages.ts';
export { SendingConfig } from './patterns/publish/send.ts';
export { DeclareQueueConfig, declareQueue } from './patterns/queue/declare.ts';
export { DeleteQueueConfig, removeQueue } from './patterns/queue/delete.ts';
export { type QueueStatus, QueueStatusConfig, queueStatus } from './patterns/queue/status.ts';
export { type RpcClient, RpcClientConfig, rpcClient } from './patterns/rpc/client.ts';
export { type RpcHandler, RpcServerConfig, rpcServer } from './patterns/rpc/server.ts';
export {
  FanoutSubscribeConfig,
  FanoutWorkConfig,
  fanoutSubscription,
  subscribeFanout,
  workFanout,
} from './patterns/subscribe/fanout.ts';
export { declareMissing, exchangeTopology, type Subscription } from './patterns/subscribe/subscription.ts';
export { subscribeTopic, TopicSubscribeConfig, TopicWorkConfig, topicSubscription, workTopic } from './patterns/subscribe/topic.ts';
export { declareWorkQueue, WorkConfig, workQueue, workTopology } from './patterns/work/work.ts';
