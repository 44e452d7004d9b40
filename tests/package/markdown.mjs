// What Markdown is to the sites that show it.

/** The sections of a document by the names that a link has for them: the second of two of one heading gets a number. @param {string} text */
export function headingsOf(text) {
  const times = {};
  const outside = text.replace(/^```[^]*?^```$/gm, '');
  return [...outside.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => {
    const plain = heading.toLowerCase().replaceAll(/[^\w\s-]/g, '').trim().replaceAll(' ', '-');
    times[plain] = (times[plain] ?? -1) + 1;
    return times[plain] ? `${plain}-${times[plain]}` : plain;
  });
}
