import { Failure } from '../model/failure.ts';
import type { Context } from './command.ts';

/** The broker that a command is about, as people know it. */
export interface BrokerTarget {
  /** The name of the context; undefined for a URL that is not from one. */
  readonly name: string | undefined;
  /** True: what cannot be undone there is confirmed by that name. */
  readonly protected: boolean;
  /** `production (protected) amqps://user@host/vhost` */
  readonly text: string;
  readonly managementUrl: string | undefined;
}

/** Something that cannot be undone. */
export interface Destruction {
  /** As in `purging "orders"`. */
  readonly doing: string;
  /** True where messages or objects are deleted for good, false where messages go somewhere else. */
  readonly deletes: boolean;
  /** What keeps them, where something does. */
  readonly hint?: string;
}

/** What is lost: `loss` is what it costs, `kept` what is said when the answer is no, `name` what has to be typed. */
export interface Loss {
  readonly what: 'queue' | 'exchange' | 'vhost';
  readonly name: string;
  readonly loss: string;
  readonly kept: string;
}

/**
 * The one place that lets a command do what cannot be undone. It refuses at once where there is no terminal to ask on; what it returns asks on a terminal, once
 * it is known what is lost.
 *
 * @throws Failure `usage`
 */
export function destructive(context: Context, { doing, deletes, hint }: Destruction): (loss?: Loss) => Promise<void> {
  const { target, yes, confirmed, stdinIsTerminal, emit } = context;
  const needsName = target.protected && !confirmed;
  if (needsName && !stdinIsTerminal) {
    throw new Failure('usage', `${doing} needs --confirm ${target.name}: the context is protected, and --yes is not enough`, {
      hint: `this is ${target.text}`,
    });
  }
  if (deletes && !yes && !confirmed && !stdinIsTerminal) {
    throw new Failure('usage', `${doing} cannot be undone, and cannot be confirmed: standard input is not a terminal`, {
      hint: `--yes does it without asking${hint === undefined ? '' : `; ${hint}`}`,
    });
  }
  return async (loss) => {
    if (!stdinIsTerminal) return;
    emit({ kind: 'note', text: `${doing} at ${target.text}` });
    if (needsName) return askFor(context, 'context', target.name ?? '', loss?.loss ?? 'This cannot be undone', loss?.kept ?? 'nothing was done');
    if (loss !== undefined && !yes && !confirmed) await askFor(context, loss.what, loss.name, `${loss.loss} for good`, loss.kept);
  };
}

/** Has a name typed, which does not happen by mistake. */
async function askFor({ emit, stdin, signal }: Context, what: string, name: string, loss: string, kept: string): Promise<void> {
  emit({ kind: 'note', text: `${loss}. Type the name of the ${what} to continue:` });
  const { readLines } = await import('../patterns/publish/input.ts');
  for await (const [line] of readLines(stdin(), signal)) {
    if (line?.toString('utf8').trim() === name) return;
    break;
  }
  throw new Failure('negative', `that is not the name of the ${what}: ${kept}`);
}
