/** The AMQP field types that JSON does not distinguish, as an envelope names them. */
export type FieldType =
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'float'
  | 'double'
  | 'decimal'
  | 'timestamp'
  | 'bytes'
  | 'longstr'
  | 'table'
  | 'raw';

/**
 * A field value with its AMQP type written out. `bytes` and `longstr` (a string that is not UTF-8) hold base64,
 * `int64` beyond 2^53 holds decimal digits, `decimal` holds `{ places, digits }`, `timestamp` holds seconds, beyond 2^53 as digits,
 * `table` wraps a table that has a key named `!`, and `raw` holds the base64 of an encoded field, type letter first, that nests too deep to be shown.
 */
export interface TypedField {
  readonly '!': FieldType;
  readonly value: FieldValue;
}

/**
 * A value in a headers or arguments table. A plain whole number is an AMQP int32 when it fits and an int64 when it does
 * not; a plain fraction is a double; a {@link TypedField} is anything that JSON does not distinguish.
 */
export type FieldValue = string | number | boolean | null | readonly FieldValue[] | FieldTable | TypedField;

export interface FieldTable {
  readonly [name: string]: FieldValue;
}

/** The properties of AMQP 0-9-1's basic class. `timestamp` is in seconds, beyond 2^53 as digits; `expiration` is milliseconds as digits. */
export interface Properties {
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly headers?: FieldTable;
  /** 1 transient, 2 persistent. */
  readonly deliveryMode?: number;
  readonly priority?: number;
  readonly correlationId?: string;
  readonly replyTo?: string;
  readonly expiration?: string;
  readonly messageId?: string;
  readonly timestamp?: number | string;
  readonly type?: string;
  readonly userId?: string;
  readonly appId?: string;
  readonly clusterId?: string;
}

/** Where a message was read. */
export interface Place {
  /** Undefined where there is one input. */
  readonly file: string | undefined;
  /** From 1; undefined where an input is one message. */
  readonly line: number | undefined;
}

/** A message to publish to an exchange. The empty exchange name is the default exchange: the key is then a queue name. */
export interface Message {
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: Properties;
  readonly body: Buffer;
  /** For reports about it. */
  readonly from?: Place;
}

/** A body: text, which is sent as UTF-8, or bytes in any view, such as a Buffer, a Uint8Array or a DataView. */
export type Body = string | NodeJS.ArrayBufferView;

/** A message as a queue delivered it. */
export interface Delivery extends Message {
  readonly queue: string;
  readonly redelivered: boolean;
}

/** As in `orders.ndjson, line 3`. */
export function placeOf({ file, line }: Place): string {
  return `${file === undefined ? '' : `${file}, `}line ${line}`;
}
