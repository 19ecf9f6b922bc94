import type { DRAWINGS, Graph, GraphNode } from '../../patterns/topology/graph.ts';
import { visibleLine } from '../../text/escape.ts';

const title = ({ kind, name, detail }: GraphNode): string => `${kind} "${name}" (${detail})`;

/** Draws a graph; the same one always in the same way. */
export function drawn(graph: Graph, as: (typeof DRAWINGS)[number]): string {
  if (as === 'json') return JSON.stringify(graphJson(graph));
  return as === 'tree' ? treeOf(graph) : as === 'dot' ? dotOf(graph) : mermaidOf(graph);
}

/** Nodes by name and kind, for programs. */
export function graphJson({ nodes, edges }: Graph): object {
  const place = ({ kind, name }: GraphNode): object => ({ kind, name });
  return { nodes, edges: edges.map(({ from, to, kind, label }) => ({ from: place(from), to: place(to), kind, label })) };
}

function treeOf({ nodes, edges }: Graph): string {
  if (nodes.length === 0) return 'the vhost has no queues, and no exchanges but those of the broker';
  return nodes
    .map((node) => {
      const own = edges.filter(({ from }) => from === node);
      const lines = [
        ...node.problems.map((problem) => `! ${problem}`),
        ...own.map(
          ({ to, kind, label }) =>
            `${label === '' ? '' : `${label} `}${kind === 'binding' ? '→' : '⇢'} ${to.kind} "${to.name}"${to.detail === 'missing' ? ' (MISSING)' : ''}`,
        ),
      ];
      return [title(node), ...lines.map((line, index) => `${index === lines.length - 1 ? '└─' : '├─'} ${line}`)].map(visibleLine).join('\n');
    })
    .join('\n');
}

function mermaidOf({ nodes, edges }: Graph): string {
  const safe = (text: string): string => `"${visibleLine(text).replace(/[^\w .,:*=()-]/gu, (letter) => `#${letter.codePointAt(0)};`)}"`;
  const id = (node: GraphNode): string => `n${nodes.indexOf(node)}`;
  const troubled = nodes.filter(({ problems }) => problems.length > 0).map(id);
  return [
    'flowchart LR',
    ...nodes.map((node) => `  ${id(node)}${node.kind === 'queue' ? `[(${safe(labelOf(node))})]` : `{{${safe(labelOf(node))}}}`}`),
    ...edges.map(({ from, to, kind, label }) => `  ${id(from)} ${kind === 'binding' ? '-->' : '-.->'}${label === '' ? '' : `|${safe(label)}|`} ${id(to)}`),
    ...(troubled.length === 0 ? [] : ['  classDef problem stroke:#d00,stroke-width:3px', `  class ${troubled.join(',')} problem`]),
  ].join('\n');
}

function dotOf({ nodes, edges }: Graph): string {
  const safe = (text: string): string => `"${visibleLine(text).replace(/["\\]/g, '\\$&')}"`;
  const id = (node: GraphNode): string => safe(`${node.kind} ${node.name}`);
  return [
    'digraph topology {',
    '  rankdir=LR;',
    ...nodes.map(
      (node) =>
        `  ${id(node)} [label=${safe(labelOf(node))}, shape=${node.kind === 'queue' ? 'box' : 'ellipse'}${node.problems.length === 0 ? '' : ', color=red, penwidth=2'}];`,
    ),
    ...edges.map(({ from, to, kind, label }) => `  ${id(from)} -> ${id(to)} [label=${safe(label)}${kind === 'binding' ? '' : ', style=dashed'}];`),
    '}',
  ].join('\n');
}

function labelOf({ name, detail, problems }: GraphNode): string {
  return `${name} (${detail})${problems.map((problem) => ` - ${problem}`).join('')}`;
}
