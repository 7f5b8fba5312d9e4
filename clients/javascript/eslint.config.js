import js from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist/", "eslint.config.js"] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      // Numbers in sentences are what people want to read.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // node:test waits for its tests by itself.
      "@typescript-eslint/no-floating-promises": [
        "error",
        { allowForKnownSafeCalls: [{ from: "package", package: "node:test", name: ["test", "before", "after"] }] },
      ],
      // `as` is how strict indexing is told what was checked before.
      "@typescript-eslint/non-nullable-type-assertion-style": "off",
    },
  },
);
