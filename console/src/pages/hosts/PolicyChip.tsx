import { useRead } from '../../api/read';
import { FilterChip, shortId } from '../../parts/FilterChip';
import { text } from '../../text/text';

/** That only the hosts are listed for which a policy fails. */
export function PolicyChip({ id, remove }: { id: string; remove: () => void }) {
  const { data } = useRead(['policy', id], (api) =>
    api.GET('/api/v1/policies/{policy}', { params: { path: { policy: id } } }),
  );
  return <FilterChip label={text.host.fails} name={data?.name ?? shortId(id)} remove={remove} />;
}
