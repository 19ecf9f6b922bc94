import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod/mini';
import { BrokerStartConfig } from '../../src/broker/background.ts';
import { BrokerRunConfig } from '../../src/broker/run.ts';
import { type Command, longName } from '../../src/commands/command.ts';
import { globalFlags } from '../../src/commands/flags/globals.ts';
import { commands } from '../../src/commands/index.ts';
import { BenchConsumeConfig, BenchLatencyConfig, BenchPublishConfig, BenchRpcConfig } from '../../src/patterns/bench/config.ts';
import { ConnectionConfig } from '../../src/patterns/connection.ts';
import { ConsumeConfig } from '../../src/patterns/consume/config.ts';
import { ExportConfig } from '../../src/patterns/dlx/bundle/export.ts';
import { ReplayConfig } from '../../src/patterns/dlx/replay/replay.ts';
import { DlxSetupConfig } from '../../src/patterns/dlx/setup/config.ts';
import { PublishConfig } from '../../src/patterns/publish/publish.ts';
import { RpcCallConfig } from '../../src/patterns/rpc/calls.ts';
import { RpcServerConfig } from '../../src/patterns/rpc/server.ts';
import { FanoutPublishConfig, FanoutSubscribeConfig, FanoutWorkConfig } from '../../src/patterns/subscribe/fanout.ts';
import { TopicPublishConfig, TopicSubscribeConfig, TopicWorkConfig } from '../../src/patterns/subscribe/topic.ts';
import { WorkConfig, WorkPublishConfig } from '../../src/patterns/work/work.ts';
import { inside } from '../support/inside.ts';

const CONFIGS: Readonly<Record<string, readonly z.ZodMiniType[]>> = {
  publish: [PublishConfig],
  consume: [ConsumeConfig],
  'bench publish': [BenchPublishConfig],
  'bench consume': [BenchConsumeConfig],
  'bench rpc': [BenchRpcConfig],
  'bench latency': [BenchLatencyConfig],
  'work publish': [WorkPublishConfig],
  'work run': [WorkConfig],
  'fanout publish': [FanoutPublishConfig],
  'fanout subscribe': [FanoutSubscribeConfig, FanoutWorkConfig],
  'topic publish': [TopicPublishConfig],
  'topic subscribe': [TopicSubscribeConfig, TopicWorkConfig],
  'rpc call': [RpcCallConfig],
  'rpc serve': [RpcServerConfig],
  'dlx setup': [DlxSetupConfig],
  'dlx replay': [ReplayConfig],
  'dlx export': [ExportConfig],
  'broker run': [BrokerRunConfig],
  'broker start': [BrokerStartConfig],
};

/** What the schema fills in where nothing is given, by key. */
function defaultsOf(config: z.ZodMiniType): [string, unknown][] {
  const { properties = {} } = z.toJSONSchema(config, { io: 'input', unrepresentable: 'any' });
  return Object.entries(properties).map(([key, property]) => [key, (property as { default?: unknown }).default]);
}

/** A switch has no value to show, and an empty list or table says nothing. */
const isShown = (value: unknown): boolean => ![undefined, 'true', 'false', '{}', '[]'].includes(JSON.stringify(value));

for (const [name, configs] of Object.entries(CONFIGS)) {
  test(`rmq ${name} --help shows each default as the schema has it, in a form that can be typed`, async () => {
    const command = commands.find(({ path }) => path.join(' ') === name);
    assert.ok(command);
    const [own, shared] = await Promise.all([inside([...command.path, '--help']), inside(['help', 'flags'])]);
    const defaults = new Map([...configs, ConnectionConfig].flatMap(defaultsOf).filter(([, value]) => isShown(value)));
    let seen = 0;
    for (const [key, value] of defaults) {
      const input: Command['inputs'][string] | undefined = command.inputs[key] ?? globalFlags[key];
      if (input?.kind !== 'flag') continue;
      const line: RegExp = new RegExp(`\\n {2}(?:-., )?${longName(key, input)} \\S+\\s+(.*?)(?=\\n {2}-|\\n\\n|$)`, 's');
      const [, help = '']: readonly string[] = line.exec(own.stdout) ?? line.exec(shared.stdout) ?? [];
      const [, shown]: readonly string[] = /\(([^();]*)(?:;[^()]*)?\)\s*$/.exec(help) ?? [];
      assert.ok(shown, `${key}: ${help}`);
      assert.deepEqual([key, input.decode([shown])], [key, value]);
      assert.doesNotMatch(input.help, /\(\d\w*[;)]/, 'the default is typed a second time');
      seen++;
    }
    assert.ok(seen > 4, String(seen));
  });
}
