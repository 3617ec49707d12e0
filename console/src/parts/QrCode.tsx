import { useMemo } from 'react';

import { qrPath } from './qr';

/** A QR code. Dark on light whatever the page is: not every reader takes it the other way round. */
export function QrCode({ label, value }: { label: string; value: string }) {
  const { path, size } = useMemo(() => qrPath(value), [value]);
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 ${size} ${size}`}
      width={220}
      height={220}
      className="fit"
    >
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" shapeRendering="crispEdges" />
    </svg>
  );
}
