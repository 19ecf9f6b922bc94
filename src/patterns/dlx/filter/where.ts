import { type ASTNode, Environment, EvaluationError, ParseError, type ParseResult, TypeError as TypeFault } from '@marcbachmann/cel-js';
import { Failure } from '../../../model/failure.ts';
import type { Delivery } from '../../../model/message/message.ts';
import { option } from '../../../model/option.ts';
import { Scope, VARIABLES } from './where-scope.ts';

/** Why an expression failed on a message. */
export interface Unjudged {
  /** True when the message only lacks a field. */
  readonly missing: boolean;
  readonly reason: string;
}

/** The result of an expression for a message, at a time in milliseconds since 1970. It never throws. */
export interface Where {
  (delivery: Delivery, now: number): boolean | Unjudged;
  /** The values of the variables and fields in it, as `json.total is 7`. */
  readonly values: (delivery: Delivery, now: number) => readonly string[];
}

const EXAMPLE = `headers.tenant == "acme" && json.total > 99.5 && age > duration("24h")`;
const MISSING: ReadonlySet<string> = new Set(['no_such_key', 'index_out_of_bounds', 'unknown_variable']);

/** What an expression may be about, and the option that it is given by. */
interface Subject {
  readonly named: string;
  readonly variables: readonly string[];
  readonly example: string;
}

/** The library's types name no package: this one is its own business. */
interface Language extends Subject {
  readonly environment: Environment;
}

const MESSAGES = { environment: prepare(VARIABLES), variables: Object.keys(VARIABLES), example: EXAMPLE };

/**
 * Compiles a CEL expression (https://cel.dev). CEL has no loops, no side effects, and no access to JavaScript.
 *
 * @throws Failure `usage`, with the position of the error; `named` is the option that has the expression
 */
export function compileWhere(expression: string, named = 'where'): Where {
  const program = parse(expression, { ...MESSAGES, named });
  const values = (delivery: Delivery, now: number): string[] => {
    const scope = new Scope(delivery, now);
    const sources = new Set(fieldsIn(program.ast).map(({ start, end }) => expression.slice(start, end)));
    return [...sources].flatMap((source) => {
      try {
        const value: unknown = MESSAGES.environment.evaluate(source, scope);
        return typeof value === 'object' && value !== null ? [] : [`${source} is ${typeof value === 'string' ? JSON.stringify(value) : String(value)}`];
      } catch {
        // It is missing, or a variable inside a macro.
        return [];
      }
    });
  };
  return Object.assign((delivery: Delivery, now: number) => judge(program, new Scope(delivery, now)), { values });
}

/** Values of variables. */
type Values = Readonly<Record<string, unknown>>;

/** What the language says of an expression that no value of these types makes true or false. */
const TYPE_FAULTS: ReadonlySet<string> = new Set([
  'no_such_overload',
  'no_matching_overload',
  'invalid_condition_type',
  'invalid_logical_operand',
  'invalid_comprehension_range',
]);

/**
 * The same for things that have variables, such as the columns of a list. Any value may be null; `sample` has one of each variable that is not, and the
 * expression is tried on it.
 *
 * @throws Failure `usage`, with the position of the error
 */
export function compileTest(
  expression: string,
  { sample, ...subject }: Omit<Subject, 'variables'> & { readonly sample: Values },
): (values: Values) => boolean | Unjudged {
  const variables = Object.keys(sample);
  const language = { ...subject, variables, environment: prepare(Object.fromEntries(variables.map((name) => [variableName(name), 'dyn']))) };
  const program = parse(expression, language);
  const scope = (values: Values): object => Object.fromEntries(Object.entries(values).map(([name, value]) => [variableName(name), value]));
  try {
    const answer: unknown = program(scope(sample));
    if (typeof answer !== 'boolean') throw wrongAt(language, expression, notATest(answer instanceof Map ? 'map' : typeof answer), 0);
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (error instanceof EvaluationError && TYPE_FAULTS.has(error.code)) throw wrongAt(language, expression, reasonOf(error), error.range?.start ?? 0);
  }
  return (values) => judge(program, scope(values));
}

const notATest = (type: string): string => `must be true or false, and this is of type ${type}`;

/** Words of the language that are columns of lists. */
const RESERVED: ReadonlySet<string> = new Set(['type', 'bytes']);

const variableName = (name: string): string => (RESERVED.has(name) ? `${name}_` : name);

function renameReserved(part: unknown): void {
  if (Array.isArray(part)) for (const one of part) renameReserved(one);
  if (typeof part !== 'object' || part === null || !('op' in part)) return;
  const node = part as { op: string; args: unknown };
  if (node.op === 'id' && typeof node.args === 'string') node.args = variableName(node.args);
  renameReserved(node.args);
}

function judge(program: ParseResult, scope: object): boolean | Unjudged {
  try {
    const answer: unknown = program(scope);
    return typeof answer === 'boolean' ? answer : { missing: false, reason: 'the result is neither true nor false' };
  } catch (error) {
    return unjudged(error);
  }
}

/** The variables and fields of an expression, each with all that leads to it. */
function fieldsIn(part: unknown): ASTNode[] {
  if (Array.isArray(part)) return part.flatMap(fieldsIn);
  if (typeof part !== 'object' || part === null || !('op' in part)) return [];
  const node = part as ASTNode;
  return node.op === 'id' || node.op === '.' || node.op === '[]' ? [node] : fieldsIn(node.args);
}

function parse(expression: string, language: Language): ParseResult {
  const { environment } = language;
  const wrong = (reason: string, at: number): Failure => wrongAt(language, expression, reason, at);
  try {
    const program = environment.parse(expression);
    if (environment !== MESSAGES.environment) renameReserved(program.ast);
    const { valid, type = 'dyn', error } = program.check();
    if (!valid) throw error;
    if (type !== 'bool' && type !== 'dyn') throw wrong(notATest(plain(type)), 0);
    for (const constant of constantsIn(program.ast)) checkConstant(expression, constant, environment, wrong);
    return program;
  } catch (error) {
    if (error instanceof ParseError || error instanceof TypeFault) throw wrong(reasonOf(error), error.range?.start ?? 0);
    throw error;
  }
}

/** Lets both kinds of numbers mix: whether a number is whole is an accident of the data. */
function prepare(variables: Readonly<Record<string, string>>): Environment {
  const mixed = new Environment({ homogeneousAggregateLiterals: false, enableOptionalTypes: true })
    .registerOperator('int == double', (int: bigint, double: number) => Number(int) === double)
    .registerOperator('double % double: double', (left: number, right: number) => left % right)
    .registerFunction('timestamp(double): google.protobuf.Timestamp', (seconds: number) => new Date(seconds * 1_000));
  const operations: Readonly<Record<string, (left: number, right: number) => number>> = {
    '+': (left, right) => left + right,
    '-': (left, right) => left - right,
    '*': (left, right) => left * right,
    '/': (left, right) => left / right,
    '%': (left, right) => left % right,
  };
  for (const [sign, operate] of Object.entries(operations)) {
    mixed
      .registerOperator(`int ${sign} double: double`, (left: bigint, right: number) => operate(Number(left), right))
      .registerOperator(`double ${sign} int: double`, (left: number, right: bigint) => operate(left, Number(right)));
  }
  for (const [name, type] of Object.entries(variables)) mixed.registerVariable(name, type);
  return mixed;
}

/** What does not depend on a message: calls with literals, such as durations, and patterns. */
function constantsIn(part: unknown): ASTNode[] {
  if (Array.isArray(part)) return part.flatMap(constantsIn);
  if (typeof part !== 'object' || part === null || !('op' in part)) return [];
  const node = part as ASTNode;
  const [literals] = node.op === 'call' ? [node.args[1]] : node.op === 'rcall' && node.args[0] === 'matches' ? [node.args[2]] : [];
  return [...(literals?.every(({ op }) => op === 'value') === true ? [node] : []), ...constantsIn(node.args)];
}

function checkConstant(expression: string, node: ASTNode, environment: Environment, wrong: (reason: string, at: number) => Failure): void {
  const source = ({ start, end }: ASTNode): string => expression.slice(start, end);
  const [pattern] = node.op === 'rcall' ? node.args[2] : [];
  try {
    environment.evaluate(pattern === undefined ? source(node) : `"".matches(${source(pattern)})`);
  } catch (error) {
    if (error instanceof EvaluationError) throw wrong(reasonOf(error), (pattern ?? node).start);
  }
}

function unjudged(error: unknown): Unjudged {
  if (error instanceof EvaluationError) return { missing: MISSING.has(error.code), reason: reasonOf(error) };
  // A body too large for a text, or nested too deep.
  return { missing: false, reason: error instanceof Error ? error.message : String(error) };
}

function reasonOf({ code, summary }: ParseError | TypeFault | EvaluationError): string {
  if (code === 'no_such_overload') return `there is no operation "${plain(summary.replace(/^no such overload: /, ''))}"`;
  return plain(summary);
}

/** Types in plain words. */
function plain(text: string): string {
  return text.replace(/\bdyn<(\w+)>/g, '$1').replaceAll(/google\.protobuf\.(\w)/g, (_, initial: string) => initial.toLowerCase());
}

function wrongAt({ named, variables, example }: Language, expression: string, reason: string, at: number): Failure {
  const from = expression.lastIndexOf('\n', at - 1) + 1;
  const [line = ''] = expression.slice(from).split('\n', 1);
  return new Failure('usage', `${option(named)}: ${reason}, at character ${at + 1}\n${line}\n${' '.repeat(at - from)}^`, {
    hint: `an expression in CEL (https://cel.dev) of ${variables.join(', ')}; for example: ${example}`,
  });
}
