import { createHash } from 'node:crypto';
import { isOfDelivery } from '../message/broker-headers.ts';
import type { Message } from '../message/message.ts';

/** Identifies a message when it is delivered again; equal copies have the same fingerprint. */
export function fingerprintOf({ exchange, routingKey, properties, body }: Message): string {
  const { headers = {}, ...others } = properties;
  const own = Object.entries(headers).filter(([name]) => !isOfDelivery(name));
  return createHash('sha256')
    .update(JSON.stringify([exchange, routingKey, others, own]))
    .update(body)
    .digest('base64');
}

export interface Selection {
  readonly size: number;
  /** True for a selected message, for as many equal copies as were selected. */
  readonly takes: (message: Message) => boolean;
  /** Unacknowledged messages are about to come again. */
  readonly again: () => void;
}

/** The selected messages of a list, by their fingerprints. */
export function selectionOf(listed: readonly string[], chosen: readonly number[]): Selection {
  const copies = new Map<string, { listed: number; chosen: number; left: number }>();
  const copyOf = (fingerprint: string): { listed: number; chosen: number; left: number } => {
    const copy = copies.get(fingerprint) ?? { listed: 0, chosen: 0, left: 0 };
    copies.set(fingerprint, copy);
    return copy;
  };
  for (const fingerprint of listed) copyOf(fingerprint).listed++;
  for (const index of chosen) {
    const copy = copyOf(listed[index] ?? '');
    copy.chosen++;
    copy.left++;
  }
  return {
    size: chosen.length,
    takes: (message) => {
      const copy = copies.get(fingerprintOf(message));
      if (copy === undefined || copy.left === 0) return false;
      copy.left--;
      return true;
    },
    again: () => {
      // Where only some of several equal copies were selected, the ones that come again may be others.
      for (const copy of copies.values()) if (copy.chosen === copy.listed) copy.left = copy.chosen;
    },
  };
}
