import { benchCommands, benchGroup } from './bench/index.ts';
import { brokerCommands, brokerGroup } from './broker.ts';
import { checkCommands, checkGroup } from './checks/index.ts';
import type { Command, CommandGroup } from './command.ts';
import { completionCommand } from './completion.ts';
import { consumeCommand } from './consume.ts';
import { contextCommands, contextGroup } from './context/index.ts';
import { dlxCommands, dlxGroup } from './dlx/index.ts';
import { exchangeCommands, exchangeGroup } from './exchange/index.ts';
import { fanoutCommands, fanoutGroup } from './fanout.ts';
import { helpCommand } from './help.ts';
import { listingCommands, listingGroups } from './listing/index.ts';
import { publishCommand } from './publish.ts';
import { queueCommands, queueGroup } from './queue/index.ts';
import { rpcCommands, rpcGroup } from './rpc.ts';
import { topicCommands, topicGroup } from './topic.ts';
import { topologyCommands, topologyGroup } from './topology/index.ts';
import { viewCommands } from './view/index.ts';
import { workCommands, workGroup } from './work.ts';

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  publishCommand,
  consumeCommand,
  ...viewCommands,
  ...queueCommands,
  ...exchangeCommands,
  ...listingCommands,
  ...workCommands,
  ...fanoutCommands,
  ...topicCommands,
  ...rpcCommands,
  ...dlxCommands,
  ...topologyCommands,
  ...contextCommands,
  ...checkCommands,
  ...benchCommands,
  ...brokerCommands,
  completionCommand,
  helpCommand,
];

/** The words that only group commands. */
export const groups: readonly CommandGroup[] = [
  queueGroup,
  exchangeGroup,
  ...listingGroups,
  workGroup,
  fanoutGroup,
  topicGroup,
  rpcGroup,
  dlxGroup,
  topologyGroup,
  contextGroup,
  checkGroup,
  benchGroup,
  brokerGroup,
];

/** The first words of all commands, as people think of them; in the order of the help. */
export const sections: readonly { readonly title: string; readonly words: readonly string[] }[] = [
  { title: 'Publish and consume', words: ['publish', 'consume', 'peek', 'tap'] },
  { title: 'Patterns', words: ['work', 'fanout', 'topic', 'rpc'] },
  { title: 'Dead letters', words: ['dlx'] },
  { title: 'Look and administer', words: ['queue', 'exchange', 'binding', 'connection', 'consumer', 'topology', 'context'] },
  { title: 'Broker and CI', words: ['ping', 'wait', 'check', 'bench', 'broker'] },
  { title: 'Shell', words: ['completion', 'help'] },
];
