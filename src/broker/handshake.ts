import { connect } from 'node:net';

/** What a node says of itself while it greets a client. */
export interface Greeting {
  readonly version: string;
}

const FRAME_END = 0xce;

const START = '10.10';
const TUNE = '10.30';
const OPEN_OK = '10.41';

/**
 * Logs in as `guest` and opens the virtual host `/`, as any AMQP 0-9-1 client does (section 4.2.2 of the specification).
 * A listening port is not enough: during its boot a node may listen and still turn clients away.
 *
 * @param timeout milliseconds
 * @returns undefined when nobody answers, or not with an open connection
 */
export function greet(port: number, timeout: number, host = '127.0.0.1'): Promise<Greeting | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    let version = '';
    let received = Buffer.alloc(0);
    const end = (greeting?: Greeting): void => {
      socket.destroy();
      resolve(greeting);
    };
    socket.setTimeout(timeout, () => end());
    socket.on('error', () => end());
    socket.on('close', () => end());
    socket.on('connect', () => socket.write('AMQP\x00\x00\x09\x01', 'latin1'));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      for (;;) {
        // Anything but a method frame of channel 0 comes from something that does not speak AMQP 0-9-1.
        if (received.length > 0 && received[0] !== 1) return end();
        if (received.length < 8) return;
        const size = received.readUInt32BE(3);
        if (received.length < size + 8) return;
        const payload = received.subarray(7, 7 + size);
        received = received.subarray(size + 8);
        const method = `${payload.readUInt16BE(0)}.${payload.readUInt16BE(2)}`;
        if (method === START) {
          version = serverVersion(payload);
          socket.write(frame(10, 11, Buffer.alloc(4), short('PLAIN'), long('\0guest\0guest'), short('en_US')));
        } else if (method === TUNE) {
          socket.write(Buffer.concat([frame(10, 31, payload.subarray(4)), frame(10, 40, short('/'), short(''), Buffer.alloc(1))]));
        } else if (method === OPEN_OK) {
          // A polite goodbye keeps the node's log free of warnings; the answer to it does not matter.
          socket.end(frame(10, 50, Buffer.from([0, 200]), short('bye'), Buffer.alloc(4)));
          resolve({ version });
        } else return end();
      }
    });
  });
}

/** The value behind the key `version` of the server's properties: a long string, `S`. */
function serverVersion(start: Buffer): string {
  const key = start.indexOf('\x07versionS', 0, 'latin1');
  if (key < 0) return 'unknown';
  const at = key + 9;
  return start.toString('utf8', at + 4, at + 4 + start.readUInt32BE(at));
}

function frame(classId: number, methodId: number, ...args: readonly Buffer[]): Buffer {
  const payload = Buffer.concat([Buffer.from([0, classId, 0, methodId]), ...args]);
  const head = Buffer.alloc(7);
  head.writeUInt8(1, 0);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, payload, Buffer.from([FRAME_END])]);
}

function short(text: string): Buffer {
  return Buffer.from(String.fromCharCode(text.length) + text, 'latin1');
}

function long(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, Buffer.from(text, 'latin1')]);
}
