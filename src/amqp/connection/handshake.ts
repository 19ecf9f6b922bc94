import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Address } from './address.ts';
import type { TlsOptions } from './tls.ts';

/** The broker's answer to a request to open a vhost. */
export interface Reply {
  /** 200 when the broker opened the vhost. */
  readonly code: number;
  readonly text: string;
  /** Empty when the broker does not say. */
  readonly version: string;
}

// Methods of class connection (10).
const START = 10;
const START_OK = 11;
const TUNE = 30;
const TUNE_OK = 31;
const OPEN = 40;
const OPEN_OK = 41;
const CLOSE = 50;
const CLOSE_OK = 51;

const HEAD = 7;
const METHOD_FRAME = 1;

/**
 * Logs in by hand, opens the vhost and closes the connection again: to learn why the broker refuses the vhost, which amqplib drops, or whether a node that
 * listens lets clients in. Resolves with undefined without such an answer; never rejects, and ends at the latest when the signal aborts.
 */
export async function openByHand(
  { host, port, vhost, ...login }: Pick<Address, 'host' | 'port' | 'username' | 'password' | 'vhost' | 'mechanism'>,
  tls: TlsOptions | undefined,
  signal: AbortSignal,
): Promise<Reply | undefined> {
  const target = { host, port, signal };
  const socket = tls === undefined ? connect(target) : connectTls({ ...target, ...tls });
  let received = Buffer.alloc(0);
  let version = '';
  socket.write('AMQP\0\0\x09\x01', 'latin1');
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      received = Buffer.concat([received, chunk]);
      if (received[0] !== METHOD_FRAME) return undefined;
      for (let frame = takeFrame(received); frame !== undefined; frame = takeFrame(received)) {
        received = received.subarray(HEAD + frame.length + 1);
        const method = frame.readUInt16BE(2);
        const rest = frame.subarray(4);
        if (method === START) {
          version = versionIn(rest);
          socket.write(methodFrame(START_OK, loginFields(login)));
        } else if (method === TUNE) {
          socket.write(Buffer.concat([methodFrame(TUNE_OK, rest), methodFrame(OPEN, Buffer.concat([shortString(vhost), Buffer.alloc(2)]))]));
        } else if (method === OPEN_OK) {
          // Without it, the broker would log a warning.
          socket.write(methodFrame(CLOSE, Buffer.concat([Buffer.from([0, 200]), shortString(''), Buffer.alloc(4)])));
          return { code: 200, text: '', version };
        } else if (method === CLOSE) {
          socket.write(methodFrame(CLOSE_OK, Buffer.alloc(0)));
          return { code: rest.readUInt16BE(0), text: rest.subarray(3, 3 + rest.readUInt8(2)).toString(), version };
        } else return undefined;
      }
    }
  } catch {
    // The caller knows of a failure before this one, or asks again.
  } finally {
    socket.destroySoon();
  }
  return undefined;
}

/** The payload of the first frame, once all of it is there. */
function takeFrame(bytes: Buffer): Buffer | undefined {
  if (bytes.length < HEAD) return undefined;
  const size = bytes.readUInt32BE(3);
  return bytes.length > HEAD + size ? bytes.subarray(HEAD, HEAD + size) : undefined;
}

/** The value behind the key `version` of the server's properties: a long string, `S`. */
function versionIn(properties: Buffer): string {
  const key = '\x07versionS';
  const at = properties.indexOf(key, 0, 'latin1');
  const size = at + key.length;
  return at < 0 ? '' : properties.toString('utf8', size + 4, size + 4 + properties.readUInt32BE(size));
}

function methodFrame(method: number, fields: Buffer): Buffer {
  const head = Buffer.alloc(HEAD + 4);
  head.writeUInt8(METHOD_FRAME, 0);
  head.writeUInt32BE(4 + fields.length, 3);
  head.writeUInt16BE(10, HEAD);
  head.writeUInt16BE(method, HEAD + 2);
  return Buffer.concat([head, fields, Buffer.from([0xce])]);
}

function loginFields({ mechanism, username, password }: Pick<Address, 'mechanism' | 'username' | 'password'>): Buffer {
  const [name, response] = mechanism === 'external' ? ['EXTERNAL', ''] : ['PLAIN', `\0${username}\0${password}`];
  const answer = Buffer.from(response);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(answer.length);
  return Buffer.concat([Buffer.alloc(4), shortString(name), size, answer, shortString('en_US')]);
}

function shortString(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}
