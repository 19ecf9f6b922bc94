/** What every command line needs of the broker: no more than a look at one file. */
export { backgroundNode } from './state.ts';
