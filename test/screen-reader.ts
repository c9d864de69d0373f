/**
 * A terminal for tests: applies what a program writes to a grid, and refuses everything it does not know. A line that would wrap or a
 * screen that would scroll is an error, for the demo must do neither on its own screen.
 */
export class ScreenReader {
  /** What was written outside the alternate screen, without colours. */
  normal = '';
  /** Private modes as they stand; what a terminal has at the start is not in it. */
  readonly modes = new Map<string, boolean>();
  frames = 0;
  #columns: number;
  #rows: number;
  #grid: string[][] = [];
  #row = 0;
  #column = 0;
  #rest = '';

  constructor(columns: number, rows: number) {
    [this.#columns, this.#rows] = [columns, rows];
    this.#clear();
  }

  /** The terminal has another size from now on; what it shows stays. */
  resize(columns: number, rows: number): void {
    const before = this.#grid;
    [this.#columns, this.#rows] = [columns, rows];
    this.#clear();
    for (const [row, cells] of before.entries())
      for (const [column, cell] of cells.entries()) this.#set(row, column, cell);
  }

  get lines(): readonly string[] {
    return this.#grid.map((cells) => cells.join(''));
  }

  get text(): string {
    return this.lines.join('\n');
  }

  write(text: string): void {
    let left = this.#rest + text;
    this.#rest = '';
    while (left !== '') {
      const escape = /^\x1b(?:\[([?]?)([0-9;]*)([A-Za-z]))?/.exec(left);
      if (escape !== null) {
        const [whole, priv, numbers = '', letter] = escape;
        if (letter === undefined) {
          // Its end comes with the next read.
          if (left.length > 12) throw new Error(`no escape code: ${JSON.stringify(left.slice(0, 12))}`);
          this.#rest = left;
          return;
        }
        this.#escape(priv === '?', numbers, letter);
        left = left.slice(whole.length);
      } else {
        const [plain = ''] = /^[^\x1b]+/.exec(left) ?? [];
        this.#print(plain);
        left = left.slice(plain.length);
      }
    }
  }

  #escape(isPrivate: boolean, numbers: string, letter: string): void {
    if (isPrivate && (letter === 'h' || letter === 'l')) this.modes.set(numbers, letter === 'h');
    else if (letter === 'm') return;
    else if (letter === 'H' && numbers === '') {
      [this.#row, this.#column] = [0, 0];
      this.frames += 1;
    } else if (letter === 'J' && numbers === '2') this.#clear();
    else throw new Error(`unknown escape code ${isPrivate ? '?' : ''}${numbers}${letter}`);
  }

  #print(text: string): void {
    if (this.modes.get('1049') !== true) {
      this.normal += text;
      return;
    }
    for (const character of text) {
      if (character === '\r') this.#column = 0;
      else if (character === '\n') {
        this.#row += 1;
        if (this.#row >= this.#rows) throw new Error('the screen scrolled');
      } else {
        if (this.#column >= this.#columns) throw new Error(`line ${String(this.#row)} is too wide`);
        if (character < ' ' || character === '\x7f') throw new Error('a control byte');
        this.#set(this.#row, this.#column, character);
        this.#column += 1;
      }
    }
  }

  #set(row: number, column: number, character: string): void {
    const cells = this.#grid[row];
    if (cells !== undefined && column < this.#columns) cells[column] = character;
  }

  #clear(): void {
    this.#grid = Array.from({ length: this.#rows }, () => Array.from({ length: this.#columns }, () => ' '));
  }
}
