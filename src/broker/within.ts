/** Whether this settles within so many milliseconds; the timer of a plain race would keep the process alive afterwards. */
export async function within(milliseconds: number, settles: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  try {
    return await Promise.race([settles.then(() => true), over]);
  } finally {
    clearTimeout(timer);
  }
}
