import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

/** Where a collector listens, for `npm run dev`. */
const collector = process.env.MUSTER_API ?? 'http://127.0.0.1:7080';

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2023',
    // A picture written into a style would need `img-src data:`, and a script's preloads a second look.
    assetsInlineLimit: 0,
    manifest: true,
    sourcemap: false,
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { '/api': collector } },
  preview: { proxy: { '/api': collector } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
