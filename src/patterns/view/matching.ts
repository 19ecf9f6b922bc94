import type { Session } from '../../amqp/connection/session.ts';
import type { ConsumeHandler, TakeOptions } from '../consume/limits.ts';
import { filtering } from '../dlx/filter/filter.ts';

/** Where a run ends: at a number of deliveries, or once `enough` of them were selected; and the number of these so far, where there is an expression. */
export interface SelectionLimits extends Pick<TakeOptions, 'enough'> {
  readonly count: number | undefined;
  readonly selected: () => number | undefined;
}

/**
 * Hands `use` a handler that passes on only the messages for which an expression is true, `count` of them at most, and the limits of such a run. Messages
 * on which the expression failed are reported at the end.
 *
 * @throws Failure `usage` for an expression that cannot be parsed, before anything else
 */
export async function matching<T>(
  { emit }: Session,
  { where, count }: { readonly where?: string | undefined; readonly count?: number | undefined },
  handler: ConsumeHandler,
  use: (selected: ConsumeHandler, limits: SelectionLimits) => Promise<T>,
): Promise<T> {
  if (where === undefined) return use(handler, { count, selected: () => undefined });
  const most = count ?? Number.POSITIVE_INFINITY;
  let selected = 0;
  return filtering({ where }, emit, (isMeant) => {
    const select: ConsumeHandler = async (delivery, context) => {
      if (selected >= most || !isMeant(delivery, Date.now())) return undefined;
      selected++;
      return (await handler(delivery, context)) ?? undefined;
    };
    return use(select, { count: undefined, selected: () => selected, enough: () => selected >= most });
  });
}
