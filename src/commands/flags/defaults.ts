import type * as z from 'zod/mini';
import type { Command } from '../command.ts';

type Schema = z.ZodMiniType & { readonly _zod: { readonly def: { readonly shape?: Readonly<Record<string, Field>> } } };
type Field = z.ZodMiniType & { readonly _zod: { readonly def: { readonly defaultValue?: unknown } } };

/** Adds the config's defaults to the help of inputs, at the end or in place of `{default}`. */
export function withDefaults(inputs: Command['inputs'], configs: readonly z.ZodMiniType[]): Command['inputs'] {
  const shapes = configs.map((config) => (config as Schema)._zod.def.shape);
  return Object.fromEntries(
    Object.entries(inputs).map(([key, input]) => {
      const value = shapes.map((shape) => shape?.[key]?._zod.def.defaultValue).find((one) => one !== undefined);
      const shown = typeof value === 'number' || typeof value === 'string' || input.show !== undefined ? value : undefined;
      if (input.kind === 'argument' || shown === undefined) return [key, input];
      const text = input.show?.(shown) ?? String(shown);
      return [key, { ...input, help: input.help.includes('{default}') ? input.help.replace('{default}', text) : `${input.help} (${text})` }];
    }),
  );
}
