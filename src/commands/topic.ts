import { describeMismatch, explainMatch } from '../model/topic-match.ts';
import { type Command, type CommandGroup, defineCommand } from './command.ts';
import { argument, rest, text, toggle } from './flags/flag.ts';
import { publishing, publishingInputs, readsStdin } from './flags/publish-flags.ts';
import { subscribing, subscriptionExtras, subscriptionInputs } from './flags/subscription-flags.ts';

export const topicGroup: CommandGroup = { path: ['topic'], summary: 'route messages by the words of their keys' };

const exchange = argument('the topic exchange, declared when it is missing');

const topicPublish = defineCommand({
  path: ['topic', 'publish'],
  summary: 'publish messages with a routing key',
  examples: [
    [`rmq topic publish events.topic order.europe.placed '{"id":1}'`, 'one event'],
    ['rmq topic publish events.topic order.asia.cancelled --lines < orders.ndjson', 'an event per line'],
  ],
  readsStdin,
  inputs: {
    exchange,
    key: argument('the routing key: words with dots in between'),
    ...publishingInputs,
  },
  load: publishing(async () => {
    const { TopicPublishConfig, publishTopic } = await import('../patterns/subscribe/topic.ts');
    return { config: TopicPublishConfig, publish: publishTopic };
  }),
});

const topicSubscribe = defineCommand({
  path: ['topic', 'subscribe'],
  summary: 'print the messages whose key matches a pattern',
  examples: [
    ["rmq topic subscribe events.topic 'order.#'", 'every order event from now on'],
    ["rmq topic subscribe events.topic '*.*.placed' --queue placed-orders", 'a durable queue that keeps them while the subscriber is away'],
    ["rmq topic subscribe events.topic 'order.europe.*' 'order.asia.*' -n 1 --timeout 1m", 'wait for one of either kind'],
  ],
  inputs: {
    exchange,
    pattern: rest('binding patterns: * is one word, # any number of words'),
    queue: text('a durable queue of this name, declared when it is missing; without it, a temporary one', { value: 'QUEUE' }),
    ...subscriptionInputs,
  },
  extras: subscriptionExtras,
  load: subscribing(async () => {
    const { TopicSubscribeConfig, TopicWorkConfig, topicSubscription } = await import('../patterns/subscribe/topic.ts');
    return { config: TopicSubscribeConfig, extrasConfig: TopicWorkConfig, subscription: topicSubscription };
  }),
});

const topicMatch = defineCommand({
  path: ['topic', 'match'],
  connects: false,
  summary: 'check whether keys match a pattern, without a broker',
  examples: [
    ["rmq topic match 'order.#' order.europe.placed order", 'exit 0: both match'],
    ["rmq topic match --explain 'order.europe.*' order.asia.placed", 'exit 1: word 2: "asia" is not "europe"'],
  ],
  inputs: { pattern: argument('the pattern'), key: rest('the routing keys') },
  extras: { explain: toggle('say which word does not match') },
  load: async () => {
    const { TopicMatchConfig } = await import('../patterns/subscribe/topic.ts');
    return {
      config: TopicMatchConfig,
      run: async ({ pattern, key: keys }, { results }, { explain }) => {
        let all = true;
        for (const key of keys) {
          const mismatch = explainMatch(pattern, key);
          const matches = mismatch === undefined;
          const why = explain === true && !matches;
          all &&= matches;
          await results.report(
            { pattern, key, matches, ...(why && { mismatch }) },
            `${key}: ${matches ? 'matches' : 'does not match'}${why ? `: ${describeMismatch(mismatch)}` : ''}`,
          );
        }
        return all ? 0 : 1;
      },
    };
  },
});

export const topicCommands: readonly Command[] = [topicPublish, topicSubscribe, topicMatch];
