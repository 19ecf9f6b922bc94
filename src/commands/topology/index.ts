import { formatCount } from '../../model/quantity.ts';
import type { PlanStep } from '../../patterns/dlx/setup/plan.ts';
import type { TopologyPlan } from '../../patterns/topology/plan.ts';
import { destructive } from '../asking.ts';
import { type Command, type CommandGroup, defineCommand } from '../command.ts';
import { argument, choice, toggle } from '../flags/flag.ts';
import { managementAlone, managementApi, managementExtras } from '../flags/globals.ts';

export const topologyGroup: CommandGroup = { path: ['topology'], summary: 'exchanges, queues, bindings and policies as a file' };

const inputs = {
  file: argument('definitions, as YAML or JSON; - for standard input', { completes: 'file' }),
  prune: toggle('also remove what a former apply made and the file no longer has: queues go with their messages'),
};

const readsStdin: NonNullable<Command['readsStdin']> = ({ file }) => file === '-';

const load = async () => {
  const [topology, { planText }] = await Promise.all([import('../../patterns/topology/topology.ts'), import('../dlx/setup-view.ts')]);
  return { ...topology, planText };
};

const exportCommand = defineCommand({
  path: ['topology', 'export'],
  summary: 'print the exchanges, queues, bindings and policies of the vhost, without users and passwords',
  examples: [
    ['rmq topology export > topology.yaml', 'for git: sorted, the same each time'],
    ['rmq topology export -o json > definitions.json', "RabbitMQ's own format, which its import reads"],
  ],
  inputs: {},
  extras: managementExtras,
  load: async () => {
    const [{ TopologyExportConfig }, { definitionsOf, yamlOf }, { topologyState }] = await Promise.all([
      import('../../patterns/topology/topology.ts'),
      import('../../patterns/topology/file.ts'),
      import('../../patterns/topology/state.ts'),
    ]);
    return {
      config: TopologyExportConfig,
      run: async (_, context, { managementUrl }) => {
        const state = await topologyState(await managementAlone(managementUrl, context));
        await context.results.report(definitionsOf(state), yamlOf(state));
      },
    };
  },
});

const planCommand = defineCommand({
  path: ['topology', 'plan'],
  summary: 'what apply would do; exit 0 when there is nothing to do, 1 when there is, 76 in conflict',
  examples: [
    ['rmq topology plan topology.yaml', 'touches nothing'],
    ['rmq topology plan topology.yaml --prune', 'with what a former apply made and the file no longer has'],
  ],
  readsStdin,
  inputs,
  extras: managementExtras,
  load: async () => {
    const { TopologyConfig, WISH, readTopology, runTopology, planText } = await load();
    return {
      config: TopologyConfig,
      run: async (config, context, { managementUrl }) => {
        const { connection, results } = context;
        const file = await readTopology(config, context, context.signal, connection.url[0] ?? '');
        const find = await managementApi(managementUrl, context);
        const { plan, conflict } = await context.withSession((session) => runTopology(session, file, config.prune, find));
        const told = toldOf(plan);
        await results.report({ planned: true, ...told }, planText({ steps: told.steps, notes: plan.notes }, 'plan', WISH));
        if (conflict !== undefined) throw conflict;
        return told.steps.length > 0 ? 1 : 0;
      },
    };
  },
});

const applyCommand = defineCommand({
  path: ['topology', 'apply'],
  summary: 'make the broker have what a file says; asks before it changes or deletes anything',
  examples: [
    ['rmq topology apply topology.yaml', 'declares what is missing; a conflict is found before anything is touched'],
    ['rmq topology apply topology.yaml --prune -y', 'and removes what a former apply made and the file no longer has'],
  ],
  readsStdin,
  inputs,
  extras: managementExtras,
  load: async () => {
    const { TopologyConfig, WISH, readTopology, runTopology, planText } = await load();
    return {
      config: TopologyConfig,
      run: async (config, context, { managementUrl }) => {
        const { connection, emit, results, target } = context;
        const file = await readTopology(config, context, context.signal, connection.url[0] ?? '');
        const { vhost } = file;
        const find = await managementApi(managementUrl, context);
        const doing = `applying ${config.file}${config.prune ? ' with --prune' : ''}`;
        // A protected context refuses before anything is asked.
        if (target.protected) destructive(context, { doing, deletes: false });
        const agree = async (plan: TopologyPlan): Promise<void> => {
          const { steps } = toldOf(plan);
          const losses = steps.filter(({ action }) => action === 'delete' || action === 'change');
          const ask = destructive(context, { doing, deletes: losses.length > 0, hint: 'rmq topology plan tells what it would do' });
          if (losses.length > 0) for (const text of planText({ steps, notes: plan.notes }, 'plan', WISH).split('\n')) emit({ kind: 'note', text });
          const messages = plan.messages === 0 ? '' : ` and ${formatCount(plan.messages, 'message')}`;
          const loss = `This changes or deletes ${formatCount(losses.length, 'object')}${messages}`;
          await ask(losses.length === 0 ? undefined : { what: 'vhost', name: vhost, loss, kept: 'nothing was changed' });
        };
        const { plan, conflict, messages } = await context.withSession((session) => runTopology(session, file, config.prune, find, agree));
        if (conflict !== undefined) throw conflict;
        const told = toldOf(plan);
        await results.report(
          { planned: false, ...told, ...(messages > 0 && { messages }) },
          `${planText({ steps: told.steps, notes: plan.notes }, 'done', WISH)}${messages === 0 ? '' : `\n${formatCount(messages, 'message')} went with deleted queues`}`,
        );
      },
    };
  },
});

const graphCommand = defineCommand({
  path: ['topology', 'graph'],
  summary: 'draw the ways of messages: bindings, dead letters, retries, and what is wrong with them',
  examples: [
    ['rmq topology graph', 'a tree; ! marks a problem'],
    ['rmq topology graph -o mermaid', 'for a page in Markdown'],
    ['rmq topology graph -o dot | dot -Tsvg > topology.svg', 'for Graphviz'],
  ],
  inputs: { output: choice(['tree', 'mermaid', 'dot', 'json'], 'how to draw it', { short: 'o' }) },
  extras: managementExtras,
  load: async () => {
    const [{ GraphConfig, topologyGraph }, { drawn, graphJson }] = await Promise.all([import('../../patterns/topology/graph.ts'), import('./graph-view.ts')]);
    return {
      config: GraphConfig,
      run: async ({ output }, context, { managementUrl }) => {
        const graph = await topologyGraph(await managementAlone(managementUrl, context));
        await context.results.report(graphJson(graph), drawn(graph, output));
      },
    };
  },
});

/** What is as it should be is counted. */
function toldOf({ steps }: Pick<TopologyPlan, 'steps'>): { readonly steps: readonly PlanStep[]; readonly kept: number } {
  const told = steps.filter(({ action }) => action !== 'keep');
  return { steps: told, kept: steps.length - told.length };
}

export const topologyCommands: readonly Command[] = [exportCommand, planCommand, applyCommand, graphCommand];
