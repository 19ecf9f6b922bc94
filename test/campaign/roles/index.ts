import type { RoleName } from '../fault.ts';
import type { Role } from '../stage.ts';
import { consume, subscribe } from './consume.ts';
import { exporting, inspect } from './looking.ts';
import { publish } from './publish.ts';
import { replay } from './replay.ts';
import { rpcCall, rpcServe } from './rpc.ts';
import { work } from './work.ts';

export const roles: Readonly<Record<RoleName, Role>> = {
  publish,
  consume,
  work,
  subscribe,
  'rpc call': rpcCall,
  'rpc serve': rpcServe,
  inspect,
  replay,
  export: exporting,
};
