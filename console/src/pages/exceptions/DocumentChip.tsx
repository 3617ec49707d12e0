import { useRead } from '../../api/read';
import { FilterChip, shortId } from '../../parts/FilterChip';
import { text } from '../../text/text';

/** That only the exceptions are listed that came with a VEX document. */
export function DocumentChip({ id, remove }: { id: string; remove: () => void }) {
  const { data } = useRead(['vex'], (api) => api.GET('/api/v1/vex/documents'));
  const document = data?.items.find((one) => one.id === id);
  const name = document ? `${document.name} ${document.version}` : shortId(id);
  return <FilterChip label={text.vex.document} name={name} remove={remove} />;
}
