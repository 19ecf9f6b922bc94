/**
 * RabbitMQ messaging patterns for programs. `openSession` first; everything else takes the session, plain options, and what it works on. What goes wrong
 * is a {@link Failure} with a `kind`.
 */
export {
  type ConsumeHandler,
  type ConsumeOptions,
  type ConsumerOptions,
  consume,
  type SubscribeFanoutOptions,
  type SubscribeTopicOptions,
  subscribeFanout,
  subscribeTopic,
} from './library/consume.ts';
export {
  type ExportedLetters,
  type ExportOptions,
  exportDeadLetters,
  type FilterOptions,
  type ImportOptions,
  importDeadLetters,
  inspectDeadLetters,
  type Letter,
  listDeadLetters,
  type MoveOptions,
  moveMessages,
  type PurgeOptions,
  purgeDeadLetters,
  type ReplayOptions,
  replayDeadLetters,
  type SetupOptions,
  setupDeadLetters,
  type TransferOptions,
} from './library/dead-letters.ts';
export type { Open, Running } from './library/handle.ts';
export type { Call } from './library/options.ts';
export {
  type Batches,
  type OpenPublisher,
  openPublisher,
  type Published,
  type PublisherOptions,
  type PublishMessagesOptions,
  type PublishToOptions,
  publishFanout,
  publishMessages,
  publishTopic,
} from './library/publish.ts';
export { type DeclareQueueOptions, declareExchange, declareQueue, queueStatus, type RemoveQueueOptions, removeQueue } from './library/queues.ts';
export { type RpcCallOptions, type RpcClient, type RpcClientOptions, type RpcHandler, type RpcServerOptions, rpcClient, rpcServer } from './library/rpc.ts';
export { openSession, type Session, type SessionEvent, type SessionOptions } from './library/session.ts';
export type { ConnectionStatus } from './library/status.ts';
export {
  declareWorkQueue,
  type QueueOptions,
  type WorkerOptions,
  type WorkFanoutOptions,
  type WorkQueueOptions,
  type WorkTopicOptions,
  workFanout,
  workQueue,
  workTopic,
} from './library/work.ts';
export { type Death, type DeathHistory, deathHistory } from './model/dead-letter/death.ts';
export type { ConsumeCounts, Event, PublishCounts, Role, WorkCounts } from './model/event.ts';
export { Failure, type FailureKind } from './model/failure.ts';
export { type Envelope, formatEnvelope, parseEnvelope } from './model/message/envelope.ts';
export { plainHeaders } from './model/message/field-json.ts';
export type { Body, Delivery, FieldTable, FieldType, FieldValue, Message, Properties, TypedField } from './model/message/message.ts';
export { type RpcAnswer, RpcError, type RpcReply, type ServeCounts } from './model/rpc.ts';
export { explainMatch, type Mismatch, matchTopic } from './model/topic-match.ts';
export type { Handler, HandlerContext, Judgement, Settlement, Verdict } from './model/verdict.ts';
export type { Purged } from './patterns/dlx/bundle/purge.ts';
export type { Inspected } from './patterns/dlx/inspect.ts';
export type { DeadLettering, DeadLetteringAdvice, DeadLetteringProblem, DeadLetterTarget } from './patterns/dlx/list.ts';
export type { Destination } from './patterns/dlx/replay/destinations.ts';
export type { Replayed } from './patterns/dlx/replay/replay.ts';
export type { SetUp } from './patterns/dlx/setup/setup.ts';
export type { PublishOptions } from './patterns/publish/open-publisher.ts';
export type { Outgoing } from './patterns/publish/outgoing.ts';
export type { QueueStatus } from './patterns/queue/status.ts';
export type { RequestProperties } from './patterns/rpc/client.ts';
