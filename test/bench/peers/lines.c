// librabbitmq, with the guarantees of `rmq publish --lines` and of `rmq consume`:
//   lines publish HOST PORT USER PASSWORD VHOST QUEUE         each line of standard input: persistent, mandatory, confirmed; many messages share a write
//   lines consume HOST PORT USER PASSWORD VHOST QUEUE COUNT   each body and a newline; acknowledged in batches, once they are written
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 2000, PREFETCH = 1000, BATCH = 65536 };

static amqp_connection_state_t connection;

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void check(amqp_rpc_reply_t reply, const char *what) {
  if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail(what);
}

static void write_all(int file, const uint8_t *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(file, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail("write");
    bytes += written;
    length -= (size_t)written;
  }
}

static uint8_t *put(uint8_t *at, uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) *at++ = (uint8_t)(value >> shift);
  return at;
}

static uint8_t *put_short_text(uint8_t *at, const char *text) {
  size_t length = strlen(text);
  *at++ = (uint8_t)length;
  memcpy(at, text, length);
  return at + length;
}

/* A frame's head; its end sets the length. */
static uint8_t *begin(uint8_t *at, int type) { return put(put(put(at, (uint64_t)type, 1), 1, 2), 0, 4); }

static uint8_t *end(uint8_t *frame, uint8_t *at) {
  put(frame + 3, (uint64_t)(at - frame - 7), 4);
  return put(at, AMQP_FRAME_END, 1);
}

static uint8_t *put_message(uint8_t *at, const char *queue, uint64_t number, const char *body, size_t length) {
  char id[40];
  snprintf(id, sizeof id, "%d-%llu", (int)getpid(), (unsigned long long)number);
  uint8_t *frame = at;
  at = put(begin(at, AMQP_FRAME_METHOD), AMQP_BASIC_PUBLISH_METHOD, 4);
  at = put_short_text(put_short_text(put(at, 0, 2), ""), queue);
  at = end(frame, put(at, 1, 1)); /* mandatory */
  frame = at;
  at = put(put(put(begin(at, AMQP_FRAME_HEADER), AMQP_BASIC_CLASS, 2), 0, 2), length, 8);
  at = put(at, AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG, 2);
  at = end(frame, put_short_text(put(at, 2, 1), id));
  if (length == 0) return at;
  frame = at;
  at = begin(at, AMQP_FRAME_BODY);
  memcpy(at, body, length);
  return end(frame, at + length);
}

/* Confirms may come in any order. */
static uint8_t *settled;
static uint64_t room, first = 1, unconfirmed;

static void settle(uint64_t tag) {
  if (settled[tag]) return;
  settled[tag] = 1;
  unconfirmed--;
}

static void read_confirm(void) {
  amqp_frame_t frame;
  amqp_maybe_release_buffers(connection);
  if (amqp_simple_wait_frame(connection, &frame) != AMQP_STATUS_OK) fail("the connection was lost");
  if (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id != AMQP_BASIC_ACK_METHOD) fail("a message was not confirmed");
  const amqp_basic_ack_t *ack = frame.payload.method.decoded;
  if (ack->multiple)
    while (first <= ack->delivery_tag) settle(first++);
  else settle(ack->delivery_tag);
}

static void publish(const char *queue) {
  amqp_confirm_select(connection, 1);
  check(amqp_get_rpc_reply(connection), "confirm.select");
  int file = amqp_get_sockfd(connection);
  size_t capacity = 0, used = 0, size = 2 * BATCH;
  char *line = NULL;
  uint8_t *batch = malloc(size);
  uint64_t number = 0;
  for (ssize_t length; (length = getline(&line, &capacity, stdin)) >= 0;) {
    if (line[length - 1] == '\n') length--;
    if (length > BATCH) fail("a line is too long");
    if (++number >= room) settled = realloc(settled, room = 2 * number + 1024);
    settled[number] = 0;
    unconfirmed++;
    used = (size_t)(put_message(batch + used, queue, number, line, (size_t)length) - batch);
    int full = unconfirmed >= WINDOW;
    if (used < BATCH - 1024 && !full) continue;
    write_all(file, batch, used);
    used = 0;
    while (full && unconfirmed > WINDOW - WINDOW / 4) read_confirm();
  }
  write_all(file, batch, used);
  while (unconfirmed > 0) read_confirm();
}

static void consume(const char *queue, long count) {
  static uint8_t batch[4 * BATCH];
  amqp_basic_qos(connection, 1, 0, PREFETCH, 0);
  check(amqp_get_rpc_reply(connection), "basic.qos");
  amqp_basic_consume(connection, 1, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
  check(amqp_get_rpc_reply(connection), "basic.consume");
  size_t used = 0;
  for (long taken = 1; taken <= count; taken++) {
    amqp_envelope_t envelope;
    amqp_maybe_release_buffers(connection);
    check(amqp_consume_message(connection, &envelope, NULL, 0), "basic.deliver");
    if (used + envelope.message.body.len + 1 > sizeof batch) fail("a body is too large");
    memcpy(batch + used, envelope.message.body.bytes, envelope.message.body.len);
    used += envelope.message.body.len;
    batch[used++] = '\n';
    /* What has arrived is written together, a quarter of the prefetch at most. */
    int waits = !amqp_frames_enqueued(connection) && !amqp_data_in_buffer(connection);
    if (waits || taken % (PREFETCH / 4) == 0 || taken == count || used > BATCH) {
      write_all(STDOUT_FILENO, batch, used);
      used = 0;
      if (amqp_basic_ack(connection, 1, envelope.delivery_tag, 1) != 0) fail("basic.ack");
    }
    amqp_destroy_envelope(&envelope);
  }
}

int main(int count, char **words) {
  if (count < 8) fail("usage: lines publish|consume HOST PORT USER PASSWORD VHOST QUEUE [COUNT]");
  connection = amqp_new_connection();
  amqp_socket_t *socket = amqp_tcp_socket_new(connection);
  if (socket == NULL || amqp_socket_open(socket, words[2], atoi(words[3])) != 0) fail("connect");
  check(amqp_login(connection, words[6], 0, 131072, 60, AMQP_SASL_METHOD_PLAIN, words[4], words[5]), "login");
  amqp_channel_open(connection, 1);
  check(amqp_get_rpc_reply(connection), "channel.open");
  if (strcmp(words[1], "publish") == 0) publish(words[7]);
  else consume(words[7], atol(words[8]));
  check(amqp_channel_close(connection, 1, AMQP_REPLY_SUCCESS), "channel.close");
  check(amqp_connection_close(connection, AMQP_REPLY_SUCCESS), "connection.close");
  amqp_destroy_connection(connection);
  return 0;
}
