#!/usr/bin/env node
// Stands in for rabbitmq-server where a test is about the processes around a node: it lets clients log in, and is the one member of its cluster.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as listen } from 'node:net';

const { RABBITMQ_ADVANCED_CONFIG_FILE = '', RABBITMQ_NODENAME } = process.env;
const config = readFileSync(RABBITMQ_ADVANCED_CONFIG_FILE, 'utf8');
const portAfter = (text) => Number(new RegExp(`${text}\\D*(\\d+)`).exec(config.replaceAll('127.0.0.1', ''))[1]);

/** A method of class 10 on channel 0. */
function method(number, arguments_ = '') {
  const payload = Buffer.from(`\0\x0a\0${String.fromCharCode(number)}${arguments_}`, 'latin1');
  const head = Buffer.from([1, 0, 0, 0, 0, 0, payload.length]);
  return Buffer.concat([head, payload, Buffer.from([0xce])]);
}

const GREETING = method(10, '\0\x09\0\0\0\x12\x07versionS\0\0\0\x054.0.5\0\0\0\x05PLAIN\0\0\0\x05en_US');
/** What is answered to start-ok, open and close. */
const ANSWERS = { 11: method(30, '\x07\xff\0\x02\0\0\0\0'), 40: method(41, '\0'), 50: method(51) };

listen((socket) => {
  let rest = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.once('data', () => socket.write(GREETING));
  socket.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    if (rest.subarray(0, 4).toString() === 'AMQP') rest = rest.subarray(8);
    while (rest.length > 7 && rest.length > 7 + rest.readUInt32BE(3)) {
      const answer = ANSWERS[rest.readUInt16BE(9)];
      if (answer !== undefined) socket.write(answer);
      rest = rest.subarray(8 + rest.readUInt32BE(3));
    }
  });
}).listen(portAfter('tcp_listeners'), '127.0.0.1');

createServer((_, response) => response.end(JSON.stringify([{ name: RABBITMQ_NODENAME, running: true }]))).listen(portAfter('port, '), '127.0.0.1');
