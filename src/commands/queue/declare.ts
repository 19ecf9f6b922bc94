import { defineCommand } from '../command.ts';
import { argument, choice, duration, fields, integer, size, text, texts, toggle } from '../flags/flag.ts';

export const declareQueueCommand = defineCommand({
  path: ['queue', 'declare'],
  summary: 'declare a durable queue, and bind it',
  examples: [
    ['rmq queue declare orders --queue-type quorum --delivery-limit 5 --dlx dlx', 'a replicated queue, and where its dead letters go'],
    ['rmq queue declare jobs --max-length 1000 --overflow reject-publish', 'one that refuses messages when it is full'],
    ['rmq queue declare log --queue-type stream --max-age 7d --max-length-bytes 10gb', 'a stream that forgets'],
    ['rmq queue declare audit --bind "amq.topic:order.#"', 'one that gets matching messages'],
  ],
  inputs: {
    queue: argument('the queue'),
    queueType: choice(['classic', 'quorum', 'stream'], 'type of the queue (what the vhost has for its default, mostly classic)'),
    transient: toggle('it is gone when the broker restarts'),
    autoDelete: toggle('it is deleted with its last consumer'),
    messageTtl: duration('how long it keeps messages'),
    expires: duration('delete it once it was unused for so long'),
    maxLength: integer('how many messages it holds'),
    maxLengthBytes: size('how many bytes of messages it holds', { aliases: ['max-bytes'] }),
    overflow: choice(['drop-head', 'reject-publish', 'reject-publish-dlx'], 'what happens when it is full'),
    dlx: text('its dead-letter exchange', { value: 'EXCHANGE', aliases: ['dead-letter-exchange'] }),
    dlxRoutingKey: text('routing key of its dead letters', { value: 'KEY', aliases: ['dead-letter-routing-key'] }),
    deadLetterStrategy: choice(['at-most-once', 'at-least-once'], 'how a quorum queue dead-letters', { aliases: ['dlx-strategy'] }),
    maxPriority: integer('highest priority of a classic queue'),
    deliveryLimit: integer('deliveries of a message by a quorum queue; -1 for no limit'),
    singleActiveConsumer: toggle('one consumer at a time gets messages'),
    queueMode: choice(['default', 'lazy'], 'where a classic queue keeps messages, before 3.12'),
    queueVersion: integer('storage of a classic queue, 1 or 2'),
    leaderLocator: choice(['client-local', 'balanced'], 'on which node its leader begins'),
    quorumInitialGroupSize: integer('replicas of a quorum queue', { aliases: ['initial-group-size'] }),
    quorumTargetGroupSize: integer('replicas that a quorum queue grows to, from 3.13 on', { aliases: ['target-group-size'] }),
    streamInitialClusterSize: integer('replicas of a stream', { aliases: ['initial-cluster-size'] }),
    maxAge: text('how long a stream keeps messages: 7d, 12h, 1Y', { value: 'AGE', aliases: ['stream-max-age'] }),
    maxSegmentSize: size('size of the files of a stream', { aliases: ['stream-max-segment-size'] }),
    filterSize: integer('bytes of the filter of a stream, from 3.13 on', { aliases: ['stream-filter-size'] }),
    argument: fields('any other argument; K:=JSON for numbers and booleans'),
    bind: texts('bind it to EXCHANGE, with KEY', { value: 'EXCHANGE[:KEY]' }),
  },
  load: async () => {
    const { DeclareQueueConfig, declareQueue } = await import('../../patterns/queue/declare.ts');
    return {
      config: DeclareQueueConfig,
      run: async (config, { withSession, results }) => {
        const { type } = await withSession((session) => declareQueue(session, config));
        await results.report(
          { queue: config.queue, type: type ?? null, bindings: config.bind.length },
          `queue "${config.queue}"${type === undefined ? '' : ` (${type})`} is declared`,
        );
      },
    };
  },
});
