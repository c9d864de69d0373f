import tseslint from 'typescript-eslint';

/**
 * Chosen for the two mistakes that lose messages: a promise nobody awaits, and a value of type `any` that slips past
 * the checks. Layout is Biome's, imports between folders are scripts/import-rules.ts.
 */
export default tseslint.config(
  { ignores: ['node_modules/', 'dist/', 'coverage/', '.tenfour/', 'src/board/bundle/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // node:test starts a top-level test by itself; awaiting it changes nothing.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['test', 'describe', 'it', 'suite'], package: 'node:test' },
          ],
        },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector:
            'CallExpression[callee.name=/^create(C|Dec)ipheriv$/]:not([arguments.1.name="keyObject"])',
          message:
            'Pass a KeyObject made once by createSecretKey, in a variable called keyObject: a Buffer key costs four times as much a message.',
        },
      ],
    },
  },
);
