// The parts of Playwright that these tests call. So declared, the repository is checked without it.

declare module "playwright-core" {
  export interface BrowserType {
    launch(options: {
      readonly executablePath: string;
      readonly headless: true;
      readonly args: readonly string[];
    }): Promise<Browser>;
  }

  export interface Browser {
    newContext(options?: {
      readonly javaScriptEnabled?: boolean;
      readonly colorScheme?: "light" | "dark";
      readonly viewport?: { readonly width: number; readonly height: number };
      readonly deviceScaleFactor?: number;
    }): Promise<Context>;
    close(): Promise<void>;
  }

  export interface Context {
    newPage(): Promise<Page>;
    close(): Promise<void>;
  }

  export interface Page {
    goto(url: string): Promise<unknown>;
    url(): string;
    title(): Promise<string>;
    setContent(html: string): Promise<void>;
    evaluate(script: string): Promise<unknown>;
    getByRole(role: string, options?: { readonly name?: string | RegExp; readonly exact?: boolean }): Locator;
    getByLabel(name: string | RegExp): Locator;
    locator(selector: string): Locator;
    screenshot(options: { readonly path: string; readonly fullPage?: boolean }): Promise<unknown>;
    readonly keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> };
    on(event: "console", listener: (message: { type(): string; text(): string }) => void): void;
    on(event: "pageerror", listener: (error: Error) => void): void;
  }

  export interface Locator {
    click(): Promise<void>;
    check(): Promise<void>;
    fill(text: string): Promise<void>;
    selectOption(value: string): Promise<unknown>;
    textContent(): Promise<string | null>;
    getAttribute(name: string): Promise<string | null>;
    allTextContents(): Promise<string[]>;
    count(): Promise<number>;
    focus(): Promise<void>;
    first(): Locator;
  }

  export const chromium: BrowserType;
}
