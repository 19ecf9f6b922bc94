import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { credentials } from 'amqplib';
import type { Address } from './address.ts';
import type { TlsOptions } from './tls.ts';

/** The broker's answer to a request to open a vhost. */
export interface Reply {
  /** 200 when the broker opened the vhost after all. */
  readonly code: number;
  readonly text: string;
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

/**
 * Logs in once more, by hand, to learn why the broker does not open the vhost: amqplib drops those words. Resolves with
 * undefined when it cannot learn them; never rejects, and ends at the latest when the signal aborts.
 */
export async function askAboutVhost(address: Address, tls: TlsOptions | undefined, signal: AbortSignal): Promise<Reply | undefined> {
  const target = { host: address.host, port: address.port, signal };
  const socket = tls === undefined ? connect(target) : connectTls({ ...target, ...tls });
  let received = Buffer.alloc(0);
  socket.write('AMQP\0\0\x09\x01', 'latin1');
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      received = Buffer.concat([received, chunk]);
      for (let frame = takeFrame(received); frame !== undefined; frame = takeFrame(received)) {
        received = received.subarray(HEAD + frame.length + 1);
        const method = frame.readUInt16BE(2);
        const rest = frame.subarray(4);
        if (method === START) socket.write(methodFrame(START_OK, login(address)));
        else if (method === TUNE) socket.write(Buffer.concat([methodFrame(TUNE_OK, rest), methodFrame(OPEN, opening(address.vhost))]));
        else if (method === OPEN_OK) return { code: 200, text: '' };
        else if (method === CLOSE) {
          socket.write(methodFrame(CLOSE_OK, Buffer.alloc(0)));
          return { code: rest.readUInt16BE(0), text: rest.subarray(3, 3 + rest.readUInt8(2)).toString() };
        } else return undefined;
      }
    }
  } catch {
    // A failure here is not reported: the refusal before it is.
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

function methodFrame(method: number, fields: Buffer): Buffer {
  const head = Buffer.alloc(HEAD + 4);
  head.writeUInt8(1, 0);
  head.writeUInt32BE(4 + fields.length, 3);
  head.writeUInt16BE(10, HEAD);
  head.writeUInt16BE(method, HEAD + 2);
  return Buffer.concat([head, fields, Buffer.from([0xce])]);
}

function login({ mechanism, username, password }: Address): Buffer {
  const { mechanism: name, response } = mechanism === 'external' ? credentials.external() : credentials.plain(username, password);
  const answer = response();
  const size = Buffer.alloc(4);
  size.writeUInt32BE(answer.length);
  return Buffer.concat([Buffer.alloc(4), shortString(name), size, answer, shortString('en_US')]);
}

function opening(vhost: string): Buffer {
  return Buffer.concat([shortString(vhost), Buffer.alloc(2)]);
}

function shortString(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}
