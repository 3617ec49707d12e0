import { Button, NativeSelect, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';

import { connect } from '../api/client';
import { companiesKey } from '../api/keys';
import { unwrap } from '../api/problem';
import { useSession } from '../api/session';
import { text } from '../text/text';

/** Companies that an operator chooses from here; more are looked for on their page. */
const SHOWN_MAX = 1000;
/** What stands for looking for another one. */
const FIND = 'find';

/** The company that is looked at, for those who have several to choose from. */
export function CompanyPicker() {
  const { me } = useSession();
  return me.is_operator ? <OfOperators /> : <OfMembers />;
}

function OfMembers() {
  const { me, company } = useSession();
  const options = me.companies.map((one) => ({
    value: one.company,
    label: one.name ?? text.nav.companyOf(one.company.slice(0, 8), one.role),
  }));
  if (options.length < 2) return <Name of={options[0]?.label} />;
  return <Picker options={options} company={company} />;
}

function OfOperators() {
  const { me, company } = useSession();
  const all = useQuery({
    queryKey: [...companiesKey(me.id), 'all'],
    queryFn: () =>
      unwrap(connect(undefined).GET('/api/v1/companies', { params: { query: { limit: SHOWN_MAX } } })),
  });
  const listed = all.data?.items.map((one) => ({ value: one.id, label: one.name })) ?? [];
  const isMissing =
    company !== undefined && !all.isPending && !listed.some((option) => option.value === company);
  // Behind the first thousand, or when there is no list: what is looked at is named all the same.
  const here = useQuery({
    queryKey: [...companiesKey(me.id), company],
    queryFn: () =>
      unwrap(
        connect(undefined).GET('/api/v1/companies/{company}', {
          params: { path: { company: company ?? '' } },
        }),
      ),
    enabled: isMissing,
  });
  const options =
    isMissing && company !== undefined
      ? [{ value: company, label: here.data?.name ?? company }, ...listed]
      : listed;
  if (all.error && all.data === undefined) {
    return (
      <>
        <Name of={options[0]?.label} />
        <Button size="compact-xs" variant="default" onClick={() => void all.refetch()}>
          {text.nav.companiesAgain}
        </Button>
      </>
    );
  }
  if (options.length < 2) return <Name of={options[0]?.label} />;
  return <Picker options={options} company={company} isMore={all.data?.next_page_token != null} />;
}

function Name({ of }: { of: string | undefined }) {
  return of === undefined ? null : (
    <Text size="sm" className="hide-narrow">
      {of}
    </Text>
  );
}

interface PickerProps {
  options: { value: string; label: string }[];
  company: string | undefined;
  /** Whether there are others than these. */
  isMore?: boolean;
}

function Picker({ options, company, isMore = false }: PickerProps) {
  const navigate = useNavigate();
  const none = company === undefined ? [{ value: '', label: text.nav.chooseCompany }] : [];
  const more = isMore ? [{ value: FIND, label: text.nav.findCompany }] : [];
  return (
    <NativeSelect
      size="xs"
      className="company"
      aria-label={text.nav.company}
      data={[...none, ...options, ...more]}
      value={company ?? ''}
      onChange={(event) => {
        const chosen = event.currentTarget.value;
        void (chosen === FIND
          ? navigate({ to: '/companies' })
          : navigate({ to: '/', search: { company: chosen } }));
      }}
    />
  );
}
