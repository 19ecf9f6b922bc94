export interface JunitCase {
  readonly name: string;
  /** Why it failed; the first line is its summary. */
  readonly failure?: string | undefined;
  /** Why nothing is known of it. */
  readonly error?: string | undefined;
}

/** A report of one suite in the XML that CI systems read as JUnit's. */
export function junitReport(suite: string, cases: readonly JunitCase[], seconds: number): string {
  const count = (key: 'failure' | 'error'): number => cases.filter((one) => one[key] !== undefined).length;
  const totals = `tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}" time="${seconds.toFixed(3)}"`;
  const lines = cases.map(({ name, failure, error }) => {
    const open = `    <testcase classname=${attribute(suite)} name=${attribute(name)}`;
    const [what, text] = failure === undefined ? ['error', error] : ['failure', failure];
    return text === undefined
      ? `${open}/>`
      : `${open}>\n      <${what} message=${attribute(text.split('\n', 1)[0] ?? '')}>${escaped(text)}</${what}>\n    </testcase>`;
  });
  const head = `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${totals}>\n  <testsuite name=${attribute(suite)} ${totals}>\n`;
  return `${head}${lines.join('\n')}${lines.length === 0 ? '' : '\n'}  </testsuite>\n</testsuites>\n`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** XML 1.0 cannot hold control characters, nor halves of surrogate pairs. */
function escaped(text: string): string {
  return text.replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd').replace(/[&<>"]/g, (one) => ENTITIES[one] ?? one);
}

function attribute(text: string): string {
  return `"${escaped(text).replace(/[\t\n\r]/g, ' ')}"`;
}
