const duties = new Set<() => void>();

function leave(): void {
  for (const duty of duties) {
    try {
      duty();
    } catch {
      // The others are still to come.
    }
  }
}

/** What has to be done at once should the process leave in a hurry; returns what calls it off. */
export function whenLeaving(duty: () => void): () => void {
  if (duties.size === 0) process.on('exit', leave);
  duties.add(duty);
  return () => {
    duties.delete(duty);
    if (duties.size === 0) process.off('exit', leave);
  };
}
