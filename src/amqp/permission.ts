/** What a user lacks, and how an administrator gives it. */
export interface MissingPermission {
  readonly text: string;
  readonly hint: string;
}

type Right = 'configure' | 'write' | 'read';

/** The right that a method needs on a queue and on an exchange, by its class and its number (https://www.rabbitmq.com/docs/access-control#authorisation). */
const RIGHTS: Readonly<Record<string, { readonly queue?: Right; readonly exchange?: Right }>> = {
  // exchange: declare, delete
  '40.10': { exchange: 'configure' },
  '40.20': { exchange: 'configure' },
  // queue: declare, bind, unbind, purge, delete. One with a dead-letter exchange may only be declared by a user who may publish to that.
  '50.10': { queue: 'configure', exchange: 'write' },
  '50.20': { queue: 'write', exchange: 'read' },
  '50.50': { queue: 'write', exchange: 'read' },
  '50.30': { queue: 'read' },
  '50.40': { queue: 'configure' },
  // basic: consume, get, publish
  '60.20': { queue: 'read' },
  '60.70': { queue: 'read' },
  '60.40': { exchange: 'write' },
};

/** Which permission a user lacks, out of the broker's words and the method that it refused; undefined when it refused for another reason. Only RabbitMQ 4 names the right itself. */
export function missingPermission(words: string, error: unknown): MissingPermission | undefined {
  const match = /^(?:(configure|write|read) )?access to (queue|exchange|topic) '(.*?)' (?:in exchange '.*?' )?in vhost '(.*?)' refused for user '(.*?)'/.exec(
    words,
  );
  if (match === null) return undefined;
  const [, told, kind = '', name = '', vhost = '', user = ''] = match;
  const { classId, methodId } = (error ?? {}) as { readonly classId?: unknown; readonly methodId?: unknown };
  const right = told ?? (kind === 'topic' ? 'write' : RIGHTS[`${String(classId)}.${String(methodId)}`]?.[kind as 'queue' | 'exchange']);
  if (right === undefined) return undefined;
  const patterns = ['configure', 'write', 'read'].map((one) => (one === right ? `…|${name}` : '…')).map((pattern) => `'${pattern}'`);
  return {
    text: `it lacks the ${right} permission on the ${kind} "${name}"`,
    hint: `an administrator gives it: rabbitmqctl set_permissions -p '${vhost}' '${user}' ${patterns.join(' ')} (configure, write, read: regular expressions, all three are replaced)`,
  };
}
