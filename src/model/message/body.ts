import { Failure } from '../failure.ts';
import { isWellFormed, quote } from '../text.ts';

/**
 * The bytes of a body (see `Body`); a view is not copied.
 *
 * @throws Failure `data` for other values, and for text that UTF-8 cannot hold
 */
export function bytesOf(body: unknown): Buffer {
  if (typeof body === 'string') {
    if (!isWellFormed(body)) throw new Failure('data', 'the body holds half of a surrogate pair, which UTF-8 cannot hold');
    return Buffer.from(body);
  }
  if (!ArrayBuffer.isView(body)) {
    const hint = body instanceof ArrayBuffer ? 'new Uint8Array(buffer) is a view of it' : 'JSON.stringify(value) makes text of a value';
    throw new Failure('data', `the body must be text, or bytes such as a Buffer or a Uint8Array; got ${quote(body)}`, { hint });
  }
  try {
    return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  } catch (error) {
    throw new Failure('data', 'the bytes of the body belong to another thread: their buffer was transferred', { cause: error });
  }
}
