using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace LoraAdmin.Platform.Data.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class HostedTrainings : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "not_validated",
                table: "training_progress",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "training_id",
                table: "training_progress",
                type: "TEXT",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "hosted_trainings",
                columns: table => new
                {
                    name = table.Column<string>(type: "TEXT", nullable: false),
                    job_id = table.Column<string>(type: "TEXT", nullable: false),
                    attempt = table.Column<int>(type: "INTEGER", nullable: false),
                    try_number = table.Column<int>(type: "INTEGER", nullable: false),
                    is_needed = table.Column<bool>(type: "INTEGER", nullable: false),
                    reason = table.Column<string>(type: "TEXT", nullable: true),
                    saw = table.Column<string>(type: "TEXT", nullable: false),
                    training_id = table.Column<string>(type: "TEXT", nullable: true),
                    requested_at = table.Column<long>(type: "INTEGER", nullable: false),
                    want_since = table.Column<long>(type: "INTEGER", nullable: false),
                    started_at = table.Column<long>(type: "INTEGER", nullable: true),
                    ended_at = table.Column<long>(type: "INTEGER", nullable: true),
                    absent_since = table.Column<long>(type: "INTEGER", nullable: true),
                    worked_for = table.Column<long>(type: "INTEGER", nullable: true),
                    hourly_micros = table.Column<long>(type: "INTEGER", nullable: false),
                    next_action_at = table.Column<long>(type: "INTEGER", nullable: true),
                    cancel_attempts = table.Column<int>(type: "INTEGER", nullable: false),
                    last_error = table.Column<string>(type: "TEXT", nullable: true),
                    creation_permit = table.Column<string>(type: "TEXT", nullable: true),
                    images_gone = table.Column<bool>(type: "INTEGER", nullable: false),
                    is_settled = table.Column<bool>(type: "INTEGER", nullable: false),
                    version = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_hosted_trainings", x => x.name);
                });

            migrationBuilder.CreateIndex(
                name: "ix_training_attempts_started_at",
                table: "training_attempts",
                column: "started_at",
                filter: "state = 'succeeded'");

            migrationBuilder.CreateIndex(
                name: "ix_hosted_trainings_job_id_attempt_try_number",
                table: "hosted_trainings",
                columns: new[] { "job_id", "attempt", "try_number" });

            migrationBuilder.CreateIndex(
                name: "ix_hosted_trainings_requested_at_name",
                table: "hosted_trainings",
                columns: new[] { "requested_at", "name" },
                filter: "NOT is_settled");

            migrationBuilder.CreateIndex(
                name: "ix_hosted_trainings_training_id",
                table: "hosted_trainings",
                column: "training_id");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "hosted_trainings");

            migrationBuilder.DropIndex(
                name: "ix_training_attempts_started_at",
                table: "training_attempts");

            migrationBuilder.DropColumn(
                name: "not_validated",
                table: "training_progress");

            migrationBuilder.DropColumn(
                name: "training_id",
                table: "training_progress");
        }
    }
}
