import { styleText } from "node:util";

import type { CliIo } from "../command.ts";
import { printable } from "../terminal/printable.ts";
import { wrapped } from "../terminal/wrapped.ts";

const WIDTH = 92;

/** Writes the demo's lines: plain where nobody watches, with a line that moves where somebody does. */
export class Screen {
  readonly #io: CliIo;
  readonly #watched: boolean;
  #moving = false;

  constructor(io: CliIo) {
    this.#io = io;
    this.#watched = io.stdout.isTTY === true && io.env["TERM"] !== "dumb";
  }

  /** Whether a line can be written over. */
  get watched(): boolean {
    return this.#watched;
  }

  line(text = ""): void {
    this.#settle();
    this.#io.stdout.write(`${text}\n`);
  }

  heading(text: string): void {
    const bold = this.#watched && (this.#io.env["NO_COLOR"] ?? "") === "";
    this.line();
    this.line(bold ? styleText("bold", text) : text);
  }

  /** A name and what it is, aligned with the others. */
  fact(name: string, text: string): void {
    this.line(`  ${name.padEnd(11)} ${text}`);
  }

  /** Others' text, on as many lines as it needs. */
  paragraph(text: string, indent: number): void {
    for (const line of wrapped(printable(text), WIDTH - indent)) this.line(" ".repeat(indent) + line);
  }

  /** Writes over itself where somebody watches. */
  progress(text: string): void {
    if (!this.#watched) {
      this.line(text);
      return;
    }
    this.#io.stdout.write(`\r${text}\u001b[K`);
    this.#moving = true;
  }

  #settle(): void {
    if (this.#moving) this.#io.stdout.write("\n");
    this.#moving = false;
  }
}
