import type { AskManagement } from '../../patterns/dlx/read-options.ts';
import type { Context } from '../command.ts';
import { deskPlace } from './desk.ts';

/** Asks the management API, where there is one, about a queue and its policies. */
export async function managementBeside(managementUrl: string | undefined, context: Context): Promise<AskManagement> {
  const { askManagement } = await import('../../patterns/dlx/read-limit.ts');
  return askManagement(context.connection, deskPlace(managementUrl, context), context.emit, context.signal);
}
