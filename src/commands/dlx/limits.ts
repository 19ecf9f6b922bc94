import type { PolicyLimit } from '../../patterns/dlx/read-options.ts';
import type { Context } from '../command.ts';
import { deskPlace } from './desk.ts';

/** Asks the management API, where there is one, which delivery limit a policy sets. */
export async function limitsBeside(managementUrl: string | undefined, context: Context): Promise<PolicyLimit> {
  const { policyLimitOf } = await import('../../patterns/dlx/read-limit.ts');
  return policyLimitOf(context.connection, deskPlace(managementUrl, context), context.emit, context.signal);
}
