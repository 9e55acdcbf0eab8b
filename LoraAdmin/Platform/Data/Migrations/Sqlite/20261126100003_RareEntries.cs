using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace LoraAdmin.Platform.Data.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class RareEntries : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateIndex(
                name: "ix_budget_entries_month_kind_at_key",
                table: "budget_entries",
                columns: new[] { "month", "kind", "at", "key" },
                filter: "kind IN ('opening', 'top_up', 'leak', 'price_change', 'correction')");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_budget_entries_month_kind_at_key",
                table: "budget_entries");
        }
    }
}
