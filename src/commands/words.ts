import type { Command, CommandGroup } from './command.ts';

/** Commands, and the words that only group them. */
export interface CommandTable {
  readonly commands: readonly Command[];
  readonly groups: readonly CommandGroup[];
}

const part = (commands: readonly Command[], ...groups: readonly CommandGroup[]): CommandTable => ({ commands, groups });
const listing = () => import('./listing/index.ts').then(({ listingCommands, listingGroups }) => part(listingCommands, ...listingGroups));
const view = () => import('./view/index.ts').then(({ viewCommands }) => part(viewCommands));
const checks = () => import('./checks/index.ts').then(({ checkCommands, checkGroup }) => part(checkCommands, checkGroup));

/** Where the commands under each first word are. */
const PARTS: ReadonlyMap<string, () => Promise<CommandTable>> = new Map([
  ['publish', () => import('./publish.ts').then(({ publishCommand }) => part([publishCommand]))],
  ['consume', () => import('./consume.ts').then(({ consumeCommand }) => part([consumeCommand]))],
  ['peek', view],
  ['tap', view],
  ['work', () => import('./work.ts').then(({ workCommands, workGroup }) => part(workCommands, workGroup))],
  ['fanout', () => import('./fanout.ts').then(({ fanoutCommands, fanoutGroup }) => part(fanoutCommands, fanoutGroup))],
  ['topic', () => import('./topic.ts').then(({ topicCommands, topicGroup }) => part(topicCommands, topicGroup))],
  ['rpc', () => import('./rpc.ts').then(({ rpcCommands, rpcGroup }) => part(rpcCommands, rpcGroup))],
  ['dlx', () => import('./dlx/index.ts').then(({ dlxCommands, dlxGroup }) => part(dlxCommands, dlxGroup))],
  ['queue', () => import('./queue/index.ts').then(({ queueCommands, queueGroup }) => part(queueCommands, queueGroup))],
  ['exchange', () => import('./exchange/index.ts').then(({ exchangeCommands, exchangeGroup }) => part(exchangeCommands, exchangeGroup))],
  ['binding', listing],
  ['connection', listing],
  ['consumer', listing],
  ['topology', () => import('./topology/index.ts').then(({ topologyCommands, topologyGroup }) => part(topologyCommands, topologyGroup))],
  ['context', () => import('./context/index.ts').then(({ contextCommands, contextGroup }) => part(contextCommands, contextGroup))],
  ['ping', checks],
  ['wait', checks],
  ['check', checks],
  ['bench', () => import('./bench/index.ts').then(({ benchCommands, benchGroup }) => part(benchCommands, benchGroup))],
  ['broker', () => import('./broker.ts').then(({ brokerCommands, brokerGroup }) => part(brokerCommands, brokerGroup))],
  ['completion', () => import('./completion.ts').then(({ completionCommand }) => part([completionCommand]))],
  ['help', () => import('./help.ts').then(({ helpCommand }) => part([helpCommand]))],
]);

/** At least the commands that begin with this word; all commands where none does. A run needs no others, which take milliseconds to load. */
export async function commandsUnder(word: string | undefined): Promise<CommandTable> {
  return (await PARTS.get(word ?? '')?.()) ?? import('./index.ts');
}
