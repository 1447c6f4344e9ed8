import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  {
    ignores: [
      "site/",
      "test/frameworks/",
      "dist/",
      ".pg/",
      ".runtimes/",
      ".ci/results/",
      "test/orms/*/generated/",
      "test/package/fixtures/",
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        // A file is linted in the first project that has it.
        project: ["tsconfig.portable.json", "tsconfig.json", "tsconfig.examples-cloudflare.json"],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      "@typescript-eslint/consistent-type-exports": "error",
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/no-confusing-void-expression": [
        "error",
        { ignoreArrowShorthand: true, ignoreVoidOperator: true },
      ],
      "@typescript-eslint/no-import-type-side-effects": "error",
      "@typescript-eslint/no-unnecessary-condition": [
        "error",
        { allowConstantLoopConditions: "only-allowed-literals" },
      ],
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_", ignoreRestSiblings: true },
      ],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      // One of two overloads may be internal, which the declarations leave out.
      "@typescript-eslint/unified-signatures": ["error", { ignoreOverloadsWithDifferentJSDoc: true }],
      "@typescript-eslint/unbound-method": ["error", { ignoreStatic: true }],
      eqeqeq: "error",
      "no-restricted-imports": [
        "error",
        { patterns: [{ regex: "^\\.{1,2}/(?!.*\\.(ts|json)$)", message: "Relative imports end in .ts." }] },
      ],
    },
  },
  {
    files: ["src/**/*.ts"],
    rules: {
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "max-lines": ["error", { max: 260, skipBlankLines: true, skipComments: true }],
      "no-restricted-properties": [
        "error",
        ...[
          ["Promise", "withResolvers"],
          ["Object", "groupBy"],
          ["Map", "groupBy"],
          ["Array", "fromAsync"],
        ].map(([object, property]) => ({ object, property, message: "Node 20 lacks it." })),
      ],
    },
  },
  {
    files: ["src/**/*.ts"],
    ignores: ["src/cli/**"],
    rules: { "no-console": "error" },
  },
  {
    files: ["src/core/**/*.ts"],
    rules: {
      "no-restricted-globals": [
        "error",
        ...["setTimeout", "setInterval"].map((name) => ({ name, message: "The core has no timers." })),
      ],
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      // The description is the line below it: what must not compile.
      "@typescript-eslint/ban-ts-comment": [
        "error",
        { "ts-expect-error": false, "ts-ignore": true, "ts-nocheck": true },
      ],
    },
  },
  {
    // Their packages are there only beside npm run test:orms, which compiles them too.
    files: ["test/orms/**/*.ts"],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { parserOptions: { project: false } },
  },
  {
    // As node:test is used everywhere: it waits for its tests by itself.
    files: ["test/testing/pages/with-node-test.ts"],
    rules: { "@typescript-eslint/no-floating-promises": "off" },
  },
  {
    files: ["test/types/**/*.ts"],
    rules: { "@typescript-eslint/no-unused-vars": "off" },
  },
);
