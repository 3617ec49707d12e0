import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useDisclosure } from '@mantine/hooks';
import { useQueryClient } from '@tanstack/react-query';
import type { ColumnDef } from '@tanstack/react-table';
import { getRouteApi } from '@tanstack/react-router';

import type { Schemas } from '../../api/client';
import { companiesKey } from '../../api/keys';
import { useRead, useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { asSpan } from '../../format/time';
import { Go } from '../../parts/Go';
import { Confirm } from '../../parts/Confirm';
import { Export } from '../../parts/Export';
import { TextFilter } from '../../parts/fields';
import { Filters } from '../../parts/Filters';
import { Moment } from '../../parts/Moment';
import { PageHead } from '../../parts/PageHead';
import { NoPermission, Notice } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { changed, isInPassing } from '../../url/search';

const route = getRouteApi('/app/companies');
type Company = Schemas['Company'];

const columns: ColumnDef<Company>[] = [
  {
    id: 'name',
    header: text.common.name,
    cell: ({ row: { original: company } }) => (
      <Go to="/" search={{ company: company.id }}>
        {company.name}
      </Go>
    ),
  },
  {
    id: 'state',
    header: text.host.state,
    cell: ({ row }) => <State company={row.original} />,
  },
  {
    id: 'scan',
    header: text.settings.scan,
    meta: { wide: true },
    cell: ({ row }) => asSpan(row.original.scan_every_s),
  },
  {
    id: 'created',
    header: text.common.created,
    meta: { wide: true },
    cell: ({ row }) => <Moment at={row.original.created_at} as="day" />,
  },
  { id: 'actions', header: text.common.actions, cell: ({ row }) => <Actions company={row.original} /> },
];

function State({ company }: { company: Company }) {
  if (company.deletion?.erasing_since != null) {
    return <span className="severity severity-critical">{text.company.erasing}</span>;
  }
  if (company.deletion != null) {
    return (
      <span className="severity severity-critical">
        {text.company.deletedFrom} <Moment at={company.deletion.due_at} /> ({company.deletion.asked_by})
      </span>
    );
  }
  return company.suspended_at == null ? (
    text.company.active
  ) : (
    <span className="severity severity-high">
      {text.company.suspended} <Moment at={company.suspended_at} />
    </span>
  );
}

function Actions({ company }: { company: Company }) {
  const { deletion } = company;
  if (deletion?.erasing_since != null) return null;
  return (
    <Group gap="xs">
      {deletion == null ? (
        <>
          <Rename company={company} />
          <Suspend company={company} />
          <Delete company={company} />
        </>
      ) : (
        <Keep company={company} />
      )}
    </Group>
  );
}

/** Has the names of the companies asked for again, of which all pages offer a choice. */
function useRenewNames(): () => void {
  const { me } = useSession();
  const queries = useQueryClient();
  return () => void queries.invalidateQueries({ queryKey: companiesKey(me.id) });
}

function Keep({ company }: { company: Company }) {
  const keep = useWrite(
    (api) =>
      api.DELETE('/api/v1/companies/{company}/deletion', { params: { path: { company: company.id } } }),
    { done: text.company.kept(company.name), onDone: useRenewNames() },
  );
  return (
    <Button
      variant="default"
      size="compact-sm"
      aria-label={text.common.actionOf(text.company.keep, company.name)}
      onClick={() => keep.mutate()}
    >
      {text.company.keep}
    </Button>
  );
}

/** Deletes a company, once its name was typed. */
function Delete({ company }: { company: Company }) {
  const [isOpen, { open, close }] = useDisclosure(false);
  const form = useForm({ initialValues: { name: '' } });
  const renew = useRenewNames();
  const remove = useWrite(
    (api, body: { name: string }) =>
      api.POST('/api/v1/companies/{company}/deletion', {
        params: { path: { company: company.id } },
        body,
      }),
    {
      quiet: true,
      done: text.company.deleted(company.name),
      onDone: () => {
        leave();
        renew();
      },
    },
  );
  // Whoever comes back types the name again: it is what keeps a slip from deleting a company.
  function leave() {
    form.reset();
    remove.reset();
    close();
  }
  return (
    <>
      <Button
        variant="default"
        size="compact-sm"
        aria-label={text.common.actionOf(text.company.delete, company.name)}
        onClick={open}
      >
        {text.company.delete}
      </Button>
      <Modal
        opened={isOpen}
        onClose={leave}
        title={text.company.delete}
        closeButtonProps={{ 'aria-label': text.common.close }}
      >
        <form
          onSubmit={form.onSubmit((values) =>
            remove.mutate(values, {
              onError: (error) => form.setErrors({ name: error.message, ...error.fields }),
            }),
          )}
        >
          <Stack>
            <Text>{text.company.deleteDetail(company.name)}</Text>
            <TextInput
              label={text.company.confirm(company.name)}
              required
              data-autofocus
              {...form.getInputProps('name')}
            />
            <Group justify="flex-end">
              <Button variant="default" onClick={leave}>
                {text.common.cancel}
              </Button>
              <Button
                type="submit"
                color="red.9"
                loading={remove.isPending}
                disabled={form.values.name.trim() !== company.name}
              >
                {text.company.delete}
              </Button>
            </Group>
          </Stack>
        </form>
      </Modal>
    </>
  );
}

/** Gives a company another name. */
function Rename({ company }: { company: Company }) {
  const [isOpen, { open, close }] = useDisclosure(false);
  const renew = useRenewNames();
  const form = useForm({ initialValues: { name: company.name } });
  const rename = useWrite(
    (api, body: { name: string }) =>
      api.PATCH('/api/v1/companies/{company}', { params: { path: { company: company.id } }, body }),
    {
      quiet: true,
      done: (renamed) => text.company.renamed(renamed.name),
      onDone: () => {
        close();
        renew();
      },
    },
  );
  return (
    <>
      <Button
        variant="default"
        size="compact-sm"
        aria-label={text.common.actionOf(text.company.rename, company.name)}
        onClick={() => {
          form.setValues({ name: company.name });
          open();
        }}
      >
        {text.company.rename}
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        title={text.company.rename}
        closeButtonProps={{ 'aria-label': text.common.close }}
      >
        <form
          onSubmit={form.onSubmit((values) =>
            rename.mutate(values, {
              onError: (error) => form.setErrors({ name: error.message, ...error.fields }),
            }),
          )}
        >
          <Stack>
            <TextInput
              label={text.common.name}
              description={text.company.renameDetail}
              required
              data-autofocus
              {...form.getInputProps('name')}
            />
            <Button type="submit" loading={rename.isPending} className="fit">
              {text.company.rename}
            </Button>
          </Stack>
        </form>
      </Modal>
    </>
  );
}

function Suspend({ company }: { company: Company }) {
  const path = { params: { path: { company: company.id } } };
  const suspend = useWrite((api) => api.POST('/api/v1/companies/{company}/suspend', path), {
    done: text.company.suspended,
  });
  const resume = useWrite((api) => api.POST('/api/v1/companies/{company}/resume', path), {
    done: text.company.resumed,
  });
  return company.suspended_at == null ? (
    <Confirm
      size="compact-sm"
      label={text.company.suspend}
      of={company.name}
      detail={text.company.suspendDetail(company.name)}
      onConfirm={() => suspend.mutate()}
    />
  ) : (
    <Button
      variant="default"
      size="compact-sm"
      aria-label={text.common.actionOf(text.company.resume, company.name)}
      onClick={() => resume.mutate()}
    >
      {text.company.resume}
    </Button>
  );
}

/** The companies that share this collector. */
export function CompaniesPage() {
  const { may } = useSession();
  return may('companies:manage') ? (
    <Companies />
  ) : (
    <>
      <PageHead title={text.nav.companies} />
      <NoPermission />
    </>
  );
}

function Companies() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const query = { query: search.query, page_token: search.page_token, limit: search.limit };
  const read = useRead(['companies', query], (api) => api.GET('/api/v1/companies', { params: { query } }));
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) });
  return (
    <>
      <PageHead title={text.nav.companies} lead={text.company.lead}>
        <NewCompany />
      </PageHead>
      <Filters>
        <TextFilter label={text.common.name} value={search.query} set={(value) => set({ query: value })} />
      </Filters>
      <ListView
        label={text.nav.companies}
        read={read}
        columns={columns}
        rowId={(company) => company.id}
        search={search}
        set={set}
        actions={<Export path="/api/v1/companies/export" query={{ query: search.query }} name="companies" />}
        empty={<Notice title={text.company.none}>{text.company.noneDetail}</Notice>}
      />
    </>
  );
}

function NewCompany() {
  const [isOpen, { open, close }] = useDisclosure(false);
  const renew = useRenewNames();
  const form = useForm({ initialValues: { name: '' } });
  const create = useWrite((api, body: { name: string }) => api.POST('/api/v1/companies', { body }), {
    done: (company) => text.company.made(company.name),
    onDone: () => {
      form.reset();
      close();
      renew();
    },
  });
  return (
    <>
      <Button size="xs" onClick={open}>
        {text.company.create}
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        title={text.company.create}
        closeButtonProps={{ 'aria-label': text.common.close }}
      >
        <form
          onSubmit={form.onSubmit((values) =>
            create.mutate(values, { onError: (error) => form.setErrors(error.fields) }),
          )}
        >
          <Stack>
            <TextInput label={text.common.name} required data-autofocus {...form.getInputProps('name')} />
            <Button type="submit" loading={create.isPending} className="fit">
              {text.company.create}
            </Button>
          </Stack>
        </form>
      </Modal>
    </>
  );
}
