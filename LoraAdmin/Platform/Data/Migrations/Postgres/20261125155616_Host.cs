using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace LoraAdmin.Platform.Data.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class Host : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "bound_to",
                table: "installation",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "taken_at",
                table: "incident_facts",
                type: "bigint",
                nullable: false,
                defaultValue: 0L);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "bound_to",
                table: "installation");

            migrationBuilder.DropColumn(
                name: "taken_at",
                table: "incident_facts");
        }
    }
}
