import { backgroundNode } from '../../broker/index.ts';
import type { Context } from '../command.ts';
import { text } from '../flag.ts';

/** For commands that ask the management API. */
export const deskExtras = {
  managementUrl: text("the management API (RABBITMQ_MANAGEMENT_URL, else port 15672 of the broker's host)", { value: 'URL' }),
};

/** Where the API is, first that is set: flag, environment, the node in the background when the broker's URL is its own. */
export function deskPlace(given: string | undefined, { env, connection }: Context): { readonly url: string | undefined; readonly asked: boolean } {
  if (given !== undefined) return { url: given, asked: true };
  const variable = env['RABBITMQ_MANAGEMENT_URL'];
  if (variable !== undefined && variable !== '') return { url: variable, asked: false };
  const node = backgroundNode(env);
  const isNode = node?.url.split(',').includes(connection.url[0] ?? '') === true;
  return { url: isNode ? node.managementUrl : undefined, asked: false };
}
