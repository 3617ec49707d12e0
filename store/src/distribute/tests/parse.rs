//! A statement as the parser sees it, and what of it could not be one server's.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's enums have hundreds of variants; what is not looked for is not held"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, ConflictTarget, Delete, Expr, FromTable, Insert, JoinConstraint, JoinOperator,
    ObjectName, OnConflict, OnInsert, Query, Select, SelectItem, SetExpr, Statement, TableFactor,
    TableObject, TableWithJoins, Update, UpdateTableFromKind, Value, Visit as _, Visitor,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::super::{COMPANY_TABLES, LOCAL_TABLES, REFERENCE_TABLES};

/// Functions that tell of the server that they run on, which is not where the session is.
const OF_A_SERVER: [&str; 3] = ["pg_snapshot_xmin", "pg_current_xact_id", "pg_notify"];

/// What is wrong with a statement for a database that is spread by company.
pub(super) fn faults(sql: &str) -> Vec<String> {
    // Strengths of locks that the parser does not know; within a shard every one is taken.
    let known =
        sql.replace("FOR NO KEY UPDATE", "FOR UPDATE").replace("FOR KEY SHARE", "FOR SHARE");
    let statements = Parser::parse_sql(&PostgreSqlDialect {}, &known)
        .unwrap_or_else(|error| panic!("{error}: {sql}"));
    let mut check = Check::default();
    for statement in statements {
        // Names of a WITH first: the outer query is visited before what stands in its WITH.
        let mut names = Names::default();
        let _whole: ControlFlow<()> = statement.visit(&mut names);
        check.with = names.0;
        let _whole: ControlFlow<()> = statement.visit(&mut check);
    }
    let touches = |of: &[&str]| check.tables.iter().any(|table| of.contains(&table.as_str()));
    let mut more = Vec::new();
    if touches(&COMPANY_TABLES) {
        if touches(&LOCAL_TABLES) {
            more.push("a company's table and the coordinator's own in one statement".to_owned());
        }
        let calls = OF_A_SERVER.iter().filter(|function| sql.contains(*function));
        more.extend(calls.map(|function| format!("{function} may run on another server")));
    }
    for table in &check.tables {
        let placed = [&COMPANY_TABLES[..], &REFERENCE_TABLES, &LOCAL_TABLES].concat();
        if !placed.contains(&table.as_str()) && !table.starts_with("pg_") {
            more.push(format!("table {table} has no place"));
        }
    }
    check.faults.extend(more);
    check.faults
}

/// The names that `WITH` gives, which are no tables.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let given = query.with.iter().flat_map(|with| &with.cte_tables);
        self.0.extend(given.map(|cte| cte.alias.name.value.clone()));
        ControlFlow::Continue(())
    }
}

#[derive(Default)]
struct Check {
    with: BTreeSet<String>,
    tables: BTreeSet<String>,
    faults: Vec<String>,
    statements: u32,
}

impl Visitor for Check {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        // Of what stands in a WITH, only SELECT, UPDATE and DELETE can go to one shard
        // (multi_router_planner.c of Citus 13).
        let given = query.with.iter().flat_map(|with| &with.cte_tables);
        for cte in given {
            if let SetExpr::Insert(Statement::Insert(insert)) = &*cte.query.body
                && is_companys(&table_of(insert))
            {
                let fault = format!("{}: INSERT inside a WITH", table_of(insert));
                self.faults.push(fault);
            }
        }
        self.body(&query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        self.statements += 1;
        match statement {
            Statement::Insert(insert) => self.insert(insert),
            Statement::Update(Update { table, from, selection, .. }) => {
                let mut tables = vec![table.clone()];
                if let Some(
                    UpdateTableFromKind::AfterSet(from) | UpdateTableFromKind::BeforeSet(from),
                ) = from
                {
                    tables.extend(from.iter().cloned());
                }
                self.scope(&tables, selection.as_ref());
            }
            Statement::Delete(Delete { from, using, selection, .. }) => {
                let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = from;
                let mut tables = from.clone();
                tables.extend(using.iter().flatten().cloned());
                self.scope(&tables, selection.as_ref());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Check {
    fn body(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Select(select) => {
                let Select { from, selection, .. } = &**select;
                self.scope(from, selection.as_ref());
            }
            // Each side of a UNION is planned for itself, so each has to name the company.
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left);
                self.body(right);
            }
            _ => {}
        }
    }

    /// One block: every company's table in it is held to a company by a parameter, or by the key of
    /// another one in it that is.
    fn scope(&mut self, from: &[TableWithJoins], selection: Option<&Expr>) {
        let mut aliases = BTreeMap::new();
        let mut conditions: Vec<&Expr> = selection.into_iter().collect();
        for table in from {
            let joined = table.joins.iter().map(|join| &join.relation);
            for factor in std::iter::once(&table.relation).chain(joined) {
                if let Some(name) = name_of(factor).filter(|name| !self.with.contains(name)) {
                    aliases.insert(alias_of(factor, &name), name.clone());
                    self.tables.insert(name);
                }
            }
            conditions.extend(table.joins.iter().filter_map(|join| on(&join.join_operator)));
        }
        aliases.retain(|_, name| is_companys(name));
        let equations: Vec<(Expr, Expr)> = conditions.into_iter().flat_map(equations).collect();
        let mut held: BTreeSet<String> = BTreeSet::new();
        // As often as there are tables, for those that are held by one another.
        for _ in 0..=aliases.len() {
            for (one, other) in &equations {
                for (key, value) in [(one, other), (other, one)] {
                    let by_another =
                        company_of(value, &aliases).is_some_and(|other| held.contains(&other));
                    if (is_parameter(value) || by_another)
                        && let Some(alias) = company_of(key, &aliases)
                    {
                        held.insert(alias);
                    }
                }
            }
        }
        for alias in aliases.keys().filter(|alias| !held.contains(*alias)) {
            self.faults.push(format!("{alias} is not held to a company"));
        }
    }

    fn insert(&mut self, insert: &Insert) {
        let table = table_of(insert);
        self.tables.insert(table.clone());
        if !is_companys(&table) {
            return;
        }
        let first = insert.columns.first().map(ToString::to_string);
        if first.as_deref() != Some("company_key") {
            self.faults.push(format!("{table}: the company is not the first column"));
        }
        let value = insert.source.as_ref().and_then(|source| first_value(&source.body));
        if !value.is_some_and(|value| is_parameter(&value)) {
            self.faults.push(format!("{table}: the company is no parameter"));
        }
        if let Some(OnInsert::OnConflict(OnConflict {
            conflict_target: Some(ConflictTarget::Columns(columns)),
            ..
        })) = &insert.on
            && !columns.iter().any(|column| column.to_string() == "company_key")
        {
            self.faults.push(format!("{table}: ON CONFLICT without the company"));
        }
    }
}

fn is_companys(table: &str) -> bool {
    COMPANY_TABLES.contains(&table)
}

/// The first value that an INSERT takes.
fn first_value(body: &SetExpr) -> Option<Expr> {
    match body {
        SetExpr::Select(select) => match select.projection.first()? {
            SelectItem::UnnamedExpr(value) => Some(value.clone()),
            _ => None,
        },
        SetExpr::Values(values) => {
            let row: &[Expr] = values.rows.first()?;
            row.first().cloned()
        }
        _ => None,
    }
}

/// The equations that all have to hold.
fn equations(condition: &Expr) -> Vec<(Expr, Expr)> {
    match condition {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            [equations(left), equations(right)].concat()
        }
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
            vec![((**left).clone(), (**right).clone())]
        }
        Expr::Nested(inner) => equations(inner),
        // Nothing of an OR: it holds a row to the company only where both sides do, and no query
        // needs that.
        _ => Vec::new(),
    }
}

/// The alias whose company an expression is.
fn company_of(expression: &Expr, aliases: &BTreeMap<String, String>) -> Option<String> {
    match expression {
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [alias, column] if column.value == "company_key" => {
                aliases.get_key_value(&alias.value).map(|(alias, _)| alias.clone())
            }
            _ => None,
        },
        // Without an alias there is only one that it can be.
        Expr::Identifier(column) if column.value == "company_key" && aliases.len() == 1 => {
            aliases.keys().next().cloned()
        }
        _ => None,
    }
}

fn is_parameter(expression: &Expr) -> bool {
    match expression {
        Expr::Value(value) => matches!(value.value, Value::Placeholder(_)),
        Expr::Cast { expr, .. } => is_parameter(expr),
        _ => false,
    }
}

fn on(operator: &JoinOperator) -> Option<&Expr> {
    let (JoinOperator::Join(constraint)
    | JoinOperator::Inner(constraint)
    | JoinOperator::Left(constraint)
    | JoinOperator::LeftOuter(constraint)) = operator
    else {
        return None;
    };
    match constraint {
        JoinConstraint::On(condition) => Some(condition),
        _ => None,
    }
}

fn table_of(insert: &Insert) -> String {
    match &insert.table {
        TableObject::TableName(name) => last(name),
        _ => String::new(),
    }
}

fn name_of(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table { name, args: None, .. } => Some(last(name)),
        _ => None,
    }
}

fn alias_of(factor: &TableFactor, name: &str) -> String {
    match factor {
        TableFactor::Table { alias: Some(alias), .. } => alias.name.value.clone(),
        _ => name.to_owned(),
    }
}

fn last(name: &ObjectName) -> String {
    let name = name.to_string();
    name.rsplit('.').next().unwrap_or_default().to_owned()
}
