/**
 * RabbitMQ messaging patterns for TypeScript programs. Each pattern takes a session and a config; configs are zod schemas that
 * hold every default and limit: `ConsumeConfig.parse({ queue: 'orders' })`.
 */
export type { Session } from './amqp/session.ts';
export { type Handlers, type ProgramHandlerConfig, programHandler } from './handlers/each.ts';
export { type StreamHandlerConfig, streamHandler } from './handlers/stream.ts';
export { type Death, type DeathHistory, deathHistory } from './model/death.ts';
export { type Envelope, formatEnvelope, parseEnvelope } from './model/envelope.ts';
export type { ConsumeCounts, Emit, Event, PublishCounts, Role, WorkCounts } from './model/event.ts';
export { DEFAULT_EXIT_TABLE, type ExitTable, parseExitTable } from './model/exit-table.ts';
export { Failure, type FailureKind } from './model/failure.ts';
export type { Handler, HandlerContext } from './model/handler.ts';
export type { Body, Delivery, FieldTable, FieldType, FieldValue, Message, Properties, TypedField } from './model/message.ts';
export { plainHeaders } from './model/plain-headers.ts';
export { type RpcAnswer, RpcError, type RpcReply } from './model/rpc.ts';
export { matchTopic } from './model/topic-match.ts';
export type { Judgement, Settlement, Verdict } from './model/verdict.ts';
export { ConnectionConfig, openSession, withSession } from './patterns/connection.ts';
export { consume } from './patterns/consume.ts';
export { ConsumeConfig } from './patterns/consume-config.ts';
export type { Destination } from './patterns/dlx/destinations.ts';
export { InspectConfig, type Inspected, inspect as inspectDeadLetters } from './patterns/dlx/inspect.ts';
export { managementApi } from './patterns/dlx/list-desk.ts';
export {
  MoveConfig,
  move as moveMessages,
  ReplayConfig,
  type Replayed,
  replay as replayDeadLetters,
  type TransferOptions,
} from './patterns/dlx/replay.ts';
export { type SetUp, setupDeadLetters } from './patterns/dlx/setup.ts';
export { DlxSetupConfig } from './patterns/dlx/setup-config.ts';
export {
  FanoutSubscribeConfig,
  FanoutWorkConfig,
  fanoutSubscription,
  subscribeFanout,
  workFanout,
} from './patterns/fanout.ts';
export { type OpenPublisher, OpenPublisherConfig, openPublisher, type PublishOptions } from './patterns/open-publisher.ts';
export type { Outgoing } from './patterns/outgoing.ts';
export { type Batches, publishMessages } from './patterns/publish-messages.ts';
export { DeclareQueueConfig, declareQueue } from './patterns/queue.ts';
export { DeleteQueueConfig, removeQueue } from './patterns/queue-delete.ts';
export { type QueueStatus, QueueStatusConfig, queueStatus } from './patterns/queue-status.ts';
export { type RpcClient, RpcClientConfig, rpcClient } from './patterns/rpc/client.ts';
export { type RpcHandler, RpcServerConfig, rpcServer } from './patterns/rpc/server.ts';
export { SendingConfig } from './patterns/sending.ts';
export { declareMissing, exchangeTopology, type Subscription } from './patterns/subscription.ts';
export type { ConsumeHandler } from './patterns/take-options.ts';
export { subscribeTopic, TopicSubscribeConfig, TopicWorkConfig, topicSubscription, workTopic } from './patterns/topic.ts';
export { declareWorkQueue, WorkConfig, workQueue, workTopology } from './patterns/work.ts';
