using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace LoraAdmin.Platform.Data.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class Breaker : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "creation_permit",
                table: "pod_ledger",
                type: "TEXT",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "breaker_told",
                columns: table => new
                {
                    id = table.Column<int>(type: "INTEGER", nullable: false),
                    born = table.Column<string>(type: "TEXT", nullable: false),
                    entries = table.Column<long>(type: "INTEGER", nullable: false),
                    circuit = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_breaker_told", x => x.id);
                });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "breaker_told");

            migrationBuilder.DropColumn(
                name: "creation_permit",
                table: "pod_ledger");
        }
    }
}
