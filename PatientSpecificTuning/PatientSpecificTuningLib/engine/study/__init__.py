"""The paper's experiments on a cohort: from its manifest to tables, plots and a report."""
