import { NativeSelect, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';

import { connect } from '../api/client';
import { companiesKey } from '../api/keys';
import { unwrap } from '../api/problem';
import { useSession } from '../api/session';
import { text } from '../text/text';

/** The company that is looked at, for those who have several to choose from. */
export function CompanyPicker() {
  const { me, company } = useSession();
  const navigate = useNavigate();
  const all = useQuery({
    queryKey: [...companiesKey(me.id), 'all'],
    queryFn: () =>
      unwrap(connect(undefined).GET('/api/v1/companies', { params: { query: { limit: 1000 } } })),
    enabled: me.is_operator,
  });
  const options = me.is_operator
    ? (all.data?.items.map((one) => ({ value: one.id, label: one.name })) ?? [])
    : // Names of companies are the operators' to see; members tell theirs by the beginning of its id.
      me.companies.map((one) => ({
        value: one.company,
        label: text.nav.companyOf(one.company.slice(0, 8), one.role),
      }));
  if (options.length < 2) {
    return me.is_operator && options[0] ? (
      <Text size="sm" className="hide-narrow">
        {options[0].label}
      </Text>
    ) : null;
  }
  return (
    <NativeSelect
      size="xs"
      className="company"
      aria-label={text.nav.company}
      data={options}
      value={company ?? ''}
      onChange={(event) => void navigate({ to: '/', search: { company: event.currentTarget.value } })}
    />
  );
}
