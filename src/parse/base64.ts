/** Characters of base64 (RFC 4648, section 4) in groups of four, the last one filled up, with blanks and line ends between them. */
export function isBase64(text: string): boolean {
  let count = 0;
  let fill = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x20 || (code >= 0x09 && code <= 0x0d)) continue;
    if (code === 0x3d) fill++;
    else if (fill > 0 || !isDigit(code)) return false;
    count++;
  }
  return count > 0 && count % 4 === 0 && fill <= 2;
}

/** A letter, a digit, `+` or `/`. */
function isDigit(code: number): boolean {
  const isLetter = (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
  return isLetter || (code >= 0x2f && code <= 0x39) || code === 0x2b;
}
