import { useEffect, useRef } from 'react';

/**
 * Sets the fields of a form anew when what it changes is of another version, which its entity tag says. The form stays as
 * it is otherwise: one that is drawn anew would take the focus from the button that has just saved it.
 */
export function useRenewed(etag: string, renew: () => void): void {
  const shown = useRef(etag);
  useEffect(() => {
    if (shown.current === etag) return;
    shown.current = etag;
    renew();
  }, [etag, renew]);
}
